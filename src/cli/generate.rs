//! `keyturn generate`: keys in one shot, for those who come from Janssen's KeyGenerator.

#![expect(
    clippy::doc_markdown,
    reason = "the documentation of options is what --help prints, where backticks would stand"
)]

mod files;
mod janssen;
mod keys;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, Months, SubsecRound, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::terminal::complain;
use super::{Failure, passphrase};
use crate::jose::{Algorithm, KeyChoice, KeySpec, Use};
use crate::material::Subject;
use crate::material::pkcs12::KeystoreProfile;

use files::{Readers, Staged};
use keys::{Made, Wanted};

/// The environment variable that may hold the keystore's password.
const VARIABLE: &str = "KEYTURN_KEYSTORE_PASSWORD";

/// How long keys for software statement assertions live, whatever else is asked: 50 years.
const SSA_MONTHS: Months = Months::new(50 * 12);

/// Make keys in one shot, print their public JWKS, and write a PKCS#12 keystore.
///
/// What Janssen's KeyGenerator does, whose options work as they are; docs/generate.md has them one by one. The keystore's password comes
/// from a file, from the environment variable KEYTURN_KEYSTORE_PASSWORD or from a prompt: everyone on the machine can read an argument.
/// A file that exists is kept beside the new one, as FILE.bak-TIME; the new keystore holds the new keys only.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// Algorithms of signature keys, such as RS256 ES256. (-sig_keys)
    #[arg(long, alias = "sig_keys", num_args = 1.., value_delimiter = ',', value_name = "ALGORITHM", value_parser = of_use(Use::Sig))]
    sig_keys: Vec<Algorithm>,
    /// Algorithms of encryption keys, such as RSA-OAEP. (-enc_keys)
    #[arg(long, alias = "enc_keys", num_args = 1.., value_delimiter = ',', value_name = "ALGORITHM", value_parser = of_use(Use::Enc))]
    enc_keys: Vec<Algorithm>,
    /// Size of RSA keys in bits: 2048, 3072, 4096 (the default) or 8192. (-key_length, which is 2048 there by default)
    #[arg(long, alias = "key_length", value_name = "BITS")]
    key_length: Option<u16>,
    /// How many days the keys live. (-expiration)
    #[arg(long, alias = "expiration", value_name = "DAYS", default_value_t = 0)]
    expiration_days: u32,
    /// How many hours they live, added to the days. (-expiration_hours)
    #[arg(long, alias = "expiration_hours", value_name = "HOURS", default_value_t = 0)]
    expiration_hours: u32,
    /// What the keys are for: connect, ssa (which live 50 years whatever the expiration), or all for both. (-key_ops_type)
    #[arg(long, alias = "key_ops_type", value_enum, ignore_case = true, default_value = "connect")]
    key_ops_type: OpsType,
    /// Subject and issuer of the certificates, as RFC 4514 writes it. (-dnname)
    #[arg(long, alias = "dnname", value_name = "DN", default_value = "CN=Auth CA Certificates")]
    dn_name: Subject,
    /// PKCS#12 keystore to write, with the kids as aliases: the private keys are nowhere else. Needed. (-keystore)
    #[arg(long, value_name = "FILE")]
    keystore: Option<PathBuf>,
    /// File with the keystore's password; a line end at its end is no part of it. (in place of -keypasswd)
    #[arg(long, value_name = "FILE")]
    keystore_password_file: Option<PathBuf>,
    /// The keystore's password, as the KeyGenerator takes it. Everyone on the machine can read it there.
    #[arg(
        long,
        hide = true,
        conflicts_with = "keystore_password_file",
        allow_hyphen_values = true,
        value_name = "PASSWORD"
    )]
    keypasswd: Option<String>,
    /// How the keystore is encrypted: modern (AES-256; Java 8u301 and openssl 1.1 or newer) or legacy (Triple DES).
    #[arg(long, value_enum, default_value = "modern")]
    keystore_profile: Encryption,
    /// File to write the JSON to, beside printing it.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// File that gets a line such as RS256_keyId=<kid> for each key. (-test_prop_file)
    #[arg(long, alias = "test_prop_file", value_name = "FILE")]
    test_prop_file: Option<PathBuf>,
}

/// What keys are for, in Janssen's words.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OpsType {
    /// OpenID Connect.
    Connect,
    /// Software statement assertions.
    Ssa,
    /// Both kinds.
    All,
}

/// How a keystore is encrypted.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Encryption {
    /// AES-256.
    Modern,
    /// Triple DES.
    Legacy,
}

impl Generate {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let Some(keystore) = &self.keystore else {
            return Err(Failure::misuse(
                "state --keystore FILE: the private keys are written nowhere else, and would be lost",
            ));
        };
        // Certificates know whole seconds, and end when the keys do.
        let now = Utc::now().trunc_subsecs(0);
        let wanted = self.wanted(now)?;
        warn_of_discouraged(&wanted);
        self.warn_of_what_counts_for_nothing(&wanted);
        let password = self.password()?;
        let made = keys::make(&wanted, &self.dn_name, now)?;
        let json = keys::to_json(&made)?;
        let mut staged = Staged::default();
        let profile = match self.keystore_profile {
            Encryption::Modern => KeystoreProfile::Modern,
            Encryption::Legacy => KeystoreProfile::Legacy,
        };
        staged.add(keystore, Readers::Owner, keys::to_keystore(&made, &password, profile)?)?;
        if let Some(path) = &self.json {
            staged.add(path, Readers::Everyone, json.clone().into_bytes())?;
        }
        if let Some(path) = &self.test_prop_file {
            let line = |key: &Made| format!("{}={}\n", janssen::property(key.algorithm), key.kid);
            staged.add(path, Readers::Everyone, made.iter().map(line).collect::<String>().into_bytes())?;
        }
        // A keystore whose public half nobody was told is worth nothing, so that comes first.
        super::print(&json)?;
        staged.put_in_place(Utc::now())?;
        Ok(ExitCode::SUCCESS)
    }

    /// The password of the keystore: asked for twice, since nobody sees what is typed.
    fn password(&self) -> Result<Zeroizing<String>, Failure> {
        let given = match &self.keypasswd {
            Some(password) => {
                complain(
                    "the password is an argument, which everyone on this machine can read: put it into a file and name that with \
                     --keystore-password-file",
                );
                Some(Zeroizing::new(password.clone()))
            }
            None => passphrase::given(self.keystore_password_file.as_deref(), VARIABLE)?,
        };
        let password = match given {
            Some(password) => password,
            None if passphrase::can_ask() => {
                let password = passphrase::ask("Password of the keystore: ")?;
                if password != passphrase::ask("Once more: ")? {
                    return Err(Failure::new("the passwords differ: try again"));
                }
                password
            }
            None => {
                return Err(Failure::misuse(format!(
                    "the keystore needs a password: name its file with --keystore-password-file, or set {VARIABLE}"
                )));
            }
        };
        if password.is_empty() {
            return Err(Failure::misuse("the keystore's password is empty: choose one"));
        }
        if password.contains('\0') {
            return Err(Failure::misuse(
                "the keystore's password has a NUL byte, which nobody can type: choose another",
            ));
        }
        Ok(password)
    }

    /// Every key that is to be made.
    fn wanted(&self, now: DateTime<Utc>) -> Result<Vec<Wanted>, Failure> {
        if self.sig_keys.is_empty() && self.enc_keys.is_empty() {
            return Err(Failure::misuse("nothing is asked for: name algorithms with --sig-keys, --enc-keys or both"));
        }
        let life =
            TimeDelta::days(i64::from(self.expiration_days)) + TimeDelta::hours(i64::from(self.expiration_hours));
        let far = || Failure::misuse("the keys would live past the year 9999: state a shorter expiration");
        let ops = match self.key_ops_type {
            OpsType::Connect => &["connect"][..],
            OpsType::Ssa => &["ssa"],
            OpsType::All => &["connect", "ssa"],
        };
        let expires = |ops: &str| {
            let expires = if ops == "ssa" {
                now.checked_add_months(SSA_MONTHS)
            } else if life.is_zero() {
                return Err(Failure::misuse(
                    "state how long the keys live: --expiration-days, --expiration-hours or both",
                ));
            } else {
                now.checked_add_signed(life)
            };
            expires.filter(|time| time.timestamp() < 253_402_300_800).ok_or_else(far)
        };
        let mut wanted = Vec::new();
        for algorithms in [&self.sig_keys, &self.enc_keys] {
            for ops in ops.iter().copied() {
                let expires = expires(ops)?;
                for algorithm in algorithms.iter().copied() {
                    wanted.push(Wanted { ops, algorithm, spec: self.spec(algorithm)?, expires });
                }
            }
        }
        Ok(wanted)
    }

    /// Says what was asked for and makes no difference, or more of one than was meant.
    fn warn_of_what_counts_for_nothing(&self, wanted: &[Wanted]) {
        let mut named = BTreeSet::new();
        let all = || self.sig_keys.iter().chain(&self.enc_keys);
        let repeated: BTreeSet<Algorithm> = all().filter(|algorithm| !named.insert(**algorithm)).copied().collect();
        for algorithm in repeated {
            let times = all().filter(|one| **one == algorithm).count();
            complain(&format!("{algorithm} is named {times} times, and as many keys are made: name it once for one"));
        }
        if self.key_length.is_some() && !wanted.iter().any(|one| matches!(one.spec, KeySpec::Rsa { .. })) {
            complain("--key-length makes no difference, since none of these keys is RSA");
        }
    }

    fn spec(&self, algorithm: Algorithm) -> Result<KeySpec, Failure> {
        let rsa = algorithm.keys().contains(crate::jose::KeyKind::Rsa);
        let choice = KeyChoice { rsa_bits: if rsa { self.key_length } else { None }, ..KeyChoice::default() };
        let refused = |why: &dyn std::fmt::Display| Failure::misuse(format!("{algorithm}: {why}"));
        let spec = KeySpec::new(algorithm, choice).map_err(|why| refused(&in_options(&why)))?;
        if !spec.key_kind().can_sign_certificates() {
            return Err(refused(&"such keys have no public half or can't sign a certificate: leave it out"));
        }
        Ok(spec)
    }
}

/// The arguments of `keyturn generate` with the options of Janssen's KeyGenerator, which have one dash, as they are called here.
pub(super) fn with_two_dashes(args: Vec<OsString>) -> Vec<OsString> {
    if args.get(1).is_none_or(|command| command != "generate") {
        return args;
    }
    let mut is_password = false;
    let renamed = args.into_iter().map(|argument| {
        let argument = if is_password { argument } else { janssen::with_two_dashes(argument) };
        is_password = argument == "--keypasswd" && !is_password;
        argument
    });
    renamed.collect()
}

/// Says what current guidance advises against, once for each algorithm.
fn warn_of_discouraged(wanted: &[Wanted]) {
    let mut told = BTreeSet::new();
    for Wanted { algorithm, spec, .. } in wanted {
        if let Some(advice) = algorithm.advice(*spec).filter(|_| told.insert(*algorithm)) {
            complain(&format!("{algorithm}: {}", in_options(&advice)));
        }
    }
}

/// A sentence about a spec, in the words of the command line.
fn in_options(sentence: &dyn std::fmt::Display) -> String {
    sentence.to_string().replace("rsaBits", "--key-length")
}

/// A name of the table, of an algorithm for that use.
fn of_use(usage: Use) -> impl Fn(&str) -> Result<Algorithm, String> + Clone {
    move |given| {
        let algorithm: Algorithm = given.parse().map_err(|why: crate::jose::UnknownAlgorithm| why.to_string())?;
        if algorithm.usage() == usage {
            return Ok(algorithm);
        }
        let other = if usage == Use::Sig { "--enc-keys" } else { "--sig-keys" };
        Err(format!("{algorithm} is for {}: name it with {other}", algorithm.usage()))
    }
}
