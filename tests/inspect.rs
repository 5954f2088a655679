//! `keyturn inspect` as its users run it, on files that `openssl`, `keytool`, `ssh-keygen` and `keyturn run` wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "JSON that is not as expected fails the test")]

#[path = "run/program.rs"]
mod program;
#[path = "run/tree.rs"]
mod tree;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use program::{Outcome, Workplace, auth};
use serde_json::Value;
use tempfile::TempDir;

const PASSPHRASE: &str = "correct-horse";

/// A folder for key files.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a line, whose words are parted by spaces, in the folder.
    fn run(&self, line: &str) {
        let mut words = line.split(' ').map(|word| if word == "''" { "" } else { word });
        let mut command = Command::new(words.next().unwrap());
        let output = command.args(words).current_dir(self.path()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
        command.arg("inspect").args(arguments.split(' ')).current_dir(self.path()).env_remove("KEYTURN_PASSPHRASE");
        command
    }

    fn inspect(&self, arguments: &str) -> Outcome {
        Outcome::of(&mut self.command(arguments), self.path())
    }

    /// What it says to programs, where the file can be read.
    fn json(&self, arguments: &str) -> Value {
        let outcome = Outcome::of(
            self.command(&format!("{arguments} --output json")).env("KEYTURN_PASSPHRASE", PASSPHRASE),
            self.path(),
        );
        assert!(outcome.status.success(), "{outcome:#?}");
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    fn chmod(&self, file: &str, mode: u32) {
        fs::set_permissions(self.path().join(file), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn codes(key: &Value) -> Vec<&str> {
    key["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[test]
fn what_openssl_writes() {
    let folder = Folder::new();
    folder.run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem");
    folder.run("openssl pkey -in rsa.pem -pubout -out public.pem");
    folder.run(&format!("openssl pkcs8 -topk8 -in rsa.pem -passout pass:{PASSPHRASE} -out encrypted.pem"));
    folder.run("openssl req -x509 -new -key rsa.pem -subj /CN=keys -days 30 -out cert.pem");
    folder.run("openssl pkey -in rsa.pem -outform DER -traditional -out rsa.der");
    folder.run("openssl ecparam -name secp521r1 -genkey -noout -out ec.pem");
    folder.run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out small.pem");

    let public = folder.json("public.pem");
    let thumbprint = &public["keys"][0]["thumbprint"];
    assert_eq!(thumbprint.as_str().unwrap().len(), 43);
    for (file, format, written, holds, halves) in [
        ("public.pem", "PEM", "SPKI", "public", Value::Null),
        ("rsa.pem", "PEM", "PKCS#8 PEM", "private", true.into()),
        ("encrypted.pem", "PEM", "encrypted PKCS#8 PEM", "private", true.into()),
        ("rsa.der", "DER", "PKCS#1 DER", "private", true.into()),
        ("cert.pem", "PEM", "X.509", "public", Value::Null),
    ] {
        let report = folder.json(file);
        let key = &report["keys"][0];
        assert_eq!(report["format"], format, "{file}");
        assert_eq!((&key["format"], &key["holds"]), (&written.into(), &holds.into()), "{file}");
        assert_eq!((&key["kty"], &key["bits"], &key["halvesMatch"]), (&"RSA".into(), &2048.into(), &halves), "{file}");
        assert_eq!(&key["thumbprint"], thumbprint, "{file}");
        assert!(codes(key).contains(&"rsa-short"), "{file}");
    }
    let certificate = &folder.json("cert.pem")["keys"][0]["certificate"];
    assert_eq!((&certificate["subject"], &certificate["issuer"]), (&"CN=keys".into(), &"CN=keys".into()));
    let ec = folder.json("ec.pem");
    assert_eq!((&ec["keys"][0]["crv"], &ec["keys"][0]["format"]), (&"P-521".into(), &"SEC1 PEM".into()));
    let small = folder.json("small.pem");
    assert_eq!((&small["keys"][0]["bits"], &small["keys"][0]["format"]), (&1024.into(), &"PKCS#8 PEM".into()));
    assert!(codes(&small["keys"][0]).contains(&"rsa-refused"));
    assert!(small["keys"][0]["problem"].as_str().unwrap().contains("1024 bits"));

    folder.run("openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.pem");
    folder.run("openssl pkey -in pss.pem -pubout -out pss-public.pem");
    for file in ["pss.pem", "pss-public.pem"] {
        assert_eq!(
            folder.json(file)["keys"][0]["restriction"],
            "PS256 or PS384 or PS512 alone (id-RSASSA-PSS, RFC 4055)"
        );
    }
    fs::write(folder.path().join("large"), vec![b'{'; 3 << 20]).unwrap();
    folder.inspect("large").assert_refused(&["this has more than 1048576 octets"]);

    let join = |files: &[&str], to: &str| {
        let text: Vec<u8> = files.iter().flat_map(|file| fs::read(folder.path().join(file)).unwrap()).collect();
        fs::write(folder.path().join(to), text).unwrap();
    };
    join(&["rsa.pem", "cert.pem", "public.pem"], "own.pem");
    let own = folder.json("own.pem");
    assert_eq!(own["keys"].as_array().unwrap().len(), 2, "the certificate is shown with its key");
    assert_eq!(own["keys"][0]["certificate"]["subject"], "CN=keys");
    assert_eq!(own["keys"][1]["halvesMatch"], true);
    join(&["ec.pem", "cert.pem", "public.pem"], "mixed.pem");
    let mixed = folder.json("mixed.pem");
    for key in &mixed["keys"].as_array().unwrap()[1..] {
        assert_eq!(key["halvesMatch"], false, "{mixed:#}");
        assert!(codes(key).contains(&"halves-differ"));
    }
}

#[test]
fn what_keytool_and_ssh_keygen_write() {
    let folder = Folder::new();
    folder.run(&format!(
        "keytool -genkeypair -alias signer -keyalg EC -groupname secp256r1 -dname CN=keys -validity 30 -storetype PKCS12 -keystore keys.p12 -storepass {PASSPHRASE}"
    ));
    let report = folder.json("keys.p12");
    let key = &report["keys"][0];
    assert_eq!(report["format"], "PKCS#12");
    assert_eq!((&key["kid"], &key["crv"], &key["halvesMatch"]), (&"signer".into(), &"P-256".into(), &true.into()));
    assert_eq!(key["certificate"]["subject"], "CN=keys");
    assert_eq!(codes(key), [""; 0]);
    assert_eq!(codes(&folder.json("keys.p12 --public")["keys"][0]), ["private-in-public"]);

    folder.run(&format!("ssh-keygen -q -t ed25519 -C alice@example.com -N {PASSPHRASE} -f ssh"));
    let report = folder.json("ssh");
    let key = &report["keys"][0];
    assert_eq!((&key["kid"], &key["crv"]), (&"alice@example.com".into(), &"Ed25519".into()));
    assert_eq!((&key["format"], codes(key)), (&"OpenSSH".into(), Vec::new()));
    let thumbprint = key["thumbprint"].clone();

    for (kind, crv) in [("ecdsa -b 384", "P-384"), ("rsa -b 3072", "")] {
        folder.run(&format!("ssh-keygen -q -t {kind} -C {} -N {PASSPHRASE} -f {}", kind.replace(' ', ""), &kind[..3]));
        let lines = ["# those who may log in".to_owned(), String::new()].into_iter();
        let lines = lines.chain(
            [&kind[..3], "ssh"].map(|name| fs::read_to_string(folder.path().join(format!("{name}.pub"))).unwrap()),
        );
        fs::write(folder.path().join("authorized_keys"), lines.collect::<Vec<_>>().join("\n")).unwrap();
        let report = folder.json("authorized_keys");
        assert_eq!(report["format"], "OpenSSH", "{report}");
        let [first, second] = report["keys"].as_array().unwrap().as_slice() else { panic!("{report}") };
        assert_eq!((&first["place"], &first["kid"]), (&"line 3".into(), &kind.replace(' ', "").into()));
        assert_eq!(first["crv"].as_str().unwrap_or_default(), crv);
        assert_eq!(
            (&first["thumbprint"], first["problem"].is_null()),
            (&folder.json(&kind[..3])["keys"][0]["thumbprint"], true)
        );
        assert_eq!((&second["thumbprint"], &second["holds"]), (&thumbprint, &"public".into()));
    }
    fs::write(folder.path().join("bad.pub"), "ssh-ed25519 AAAAC3Nz me@here\n").unwrap();
    folder.inspect("bad.pub").assert_refused(&["line 1", "damaged"]);
}

#[test]
fn a_trust_store_shows_its_certificates() {
    let folder = Folder::new();
    folder
        .run("openssl req -x509 -new -newkey rsa:3072 -nodes -keyout rsa.pem -subj /CN=issuer -days 30 -out cert.pem");
    folder.run(&format!(
        "keytool -importcert -noprompt -alias issuer -file cert.pem -storetype PKCS12 -keystore trust.p12 -storepass {PASSPHRASE}"
    ));
    let report = folder.json("trust.p12 --strict");
    assert_eq!(report["format"], "PKCS#12");
    let [only] = report["keys"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&only["format"], &only["holds"], &only["bits"]), (&"X.509".into(), &"public".into(), &3072.into()));
    assert_eq!(only["certificate"]["subject"], "CN=issuer");
    assert_eq!((&only["place"], &only["kid"]), (&"bag 1".into(), &"issuer".into()));
    folder.inspect("trust.p12").assert_refused(&["no passphrase was given"]);
}

#[test]
fn passphrases_come_from_a_file_or_the_environment_and_their_lack_is_said() {
    let folder = Folder::new();
    folder.run("openssl ecparam -name prime256v1 -genkey -noout -out ec.pem");
    folder.run(&format!("openssl pkcs8 -topk8 -in ec.pem -passout pass:{PASSPHRASE} -out encrypted.pem"));
    folder.run(&format!("openssl pkcs12 -export -nocerts -inkey ec.pem -passout pass:{PASSPHRASE} -out keys.p12"));
    for (name, text) in [("right", format!("{PASSPHRASE}\n")), ("wrong", "battery".to_owned())] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    for file in ["encrypted.pem", "keys.p12"] {
        folder.inspect(file).assert_refused(&[
            file,
            "no passphrase was given",
            "--passphrase-file",
            "KEYTURN_PASSPHRASE",
        ]);
        folder.inspect(&format!("{file} --passphrase-file wrong")).assert_refused(&[file, "does not open this"]);
        folder.inspect(&format!("{file} --passphrase-file none")).assert_refused(&["none can't be read"]);
        let read = folder.inspect(&format!("{file} --passphrase-file right"));
        assert!(read.status.success() && read.stdout.contains("P-256, private"), "{read:#?}");
    }
    let line = format!("{} inspect encrypted.pem", env!("CARGO_BIN_EXE_keyturn"));
    // `script` gives the program a terminal, which asks.
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).current_dir(folder.path()).env_remove("KEYTURN_PASSPHRASE");
    let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = Vec::new();
    while !seen.ends_with(b"Passphrase of encrypted.pem: ") {
        let mut octet = [0];
        assert_eq!(screen.read(&mut octet).unwrap(), 1, "{}", String::from_utf8_lossy(&seen));
        seen.extend(octet);
    }
    keyboard.write_all(format!("{PASSPHRASE}\n").as_bytes()).unwrap();
    screen.read_to_end(&mut seen).unwrap();
    let seen = String::from_utf8_lossy(&seen);
    assert!(child.wait().unwrap().success() && seen.contains("P-256, private"), "{seen}");

    folder.run("cp ec.pem public.pem");
    folder.chmod("public.pem", 0o600);
    let report = folder.json("public.pem");
    assert_eq!(codes(&report["keys"][0]), ["private-in-public"]);
    let message = report["keys"][0]["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("the name of the file says that it is public"), "{message}");

    folder.inspect("none.pem").assert_refused(&["none.pem can't be read: No such file"]);
    folder.inspect(".").assert_refused(&["can't be read: Is a directory"]);
    folder.inspect("right").assert_refused(&["right can't be read: this is neither PEM"]);
}

#[test]
fn what_keyturn_run_keeps_and_never_a_private_member() {
    let spec = "keys:\n  - algorithm: ES256\n  - algorithm: RS256\n    rsaBits: 2048\n  - algorithm: Ed25519\n  - algorithm: ML-DSA-44";
    let place = Workplace::new(&auth(spec));
    place.once_well();
    let folder = Folder::new();
    let private_file = place.path("secrets/auth-signer/jwks.json");
    let text = fs::read_to_string(&private_file).unwrap();
    fs::write(folder.path().join("jwks.json"), &text).unwrap();
    let secrets = tree::private_texts(folder.path());
    assert!(secrets.len() >= 9, "the private members are known to this test");

    for (mode, arguments, warned) in
        [(0o600, "", false), (0o644, "", true), (0o640, "", true), (0o600, " --public", true)]
    {
        folder.chmod("jwks.json", mode);
        for output in ["text", "json"] {
            let outcome = folder.inspect(&format!("jwks.json --output {output}{arguments}"));
            assert!(outcome.status.success(), "{outcome:#?}");
            assert!(secrets.iter().all(|secret| !outcome.stdout.contains(secret)), "a private member was shown");
        }
        let report = folder.json(&format!("jwks.json{arguments}"));
        let keys = report["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 4);
        for key in keys {
            assert_eq!((&key["holds"], &key["halvesMatch"]), (&"private".into(), &true.into()), "{key:#}");
            assert_eq!(codes(key).contains(&"private-in-public"), warned, "{mode:o} {key:#}");
        }
    }
    folder.chmod("jwks.json", 0o600);

    let public_file = place.path("configmaps/auth-jwks/jwks.json");
    let public = folder.json(&format!("{} --public", public_file.display()));
    for key in public["keys"].as_array().unwrap() {
        assert_eq!((&key["holds"], &key["kid"]), (&"public".into(), &key["thumbprint"]), "{key:#}");
        assert_eq!(codes(key), if key["kty"] == "RSA" { vec!["rsa-short"] } else { Vec::new() });
    }

    let strict = folder.inspect("jwks.json --strict");
    assert_eq!(strict.status.code(), Some(1), "{strict:#?}");
    assert!(strict.stdout.contains("warning      RSA keys of 2048 bits") && strict.stderr.is_empty(), "{strict:#?}");
    let keyring = folder.inspect(&place.path("keyrings/auth.json").display().to_string());
    assert!(secrets.iter().all(|secret| !format!("{keyring:?}").contains(secret)));
}

#[test]
fn standard_input_is_read_and_what_steers_a_terminal_is_not_shown() {
    let folder = Folder::new();
    let text = r#"{"keys": [{"kty": "EC", "kid": "a\u001b[31mb", "alg": "ES256", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "exp": 1000000000}]}"#;
    fs::write(folder.path().join("jwks.json"), text).unwrap();
    let piped = fs::File::open(folder.path().join("jwks.json")).unwrap();
    let output = folder.command("-").stdin(piped).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let expected = "JWK Set, 1 key\n\n\
        keys[0]  a\u{fffd}[31mb\n\
        \x20 key          P-256, public (JWK)\n\
        \x20 algorithm    ES256\n\
        \x20 thumbprint   oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U\n\
        \x20 exp          2001-09-09 01:46:40 UTC (1000000000)\n\
        \x20 warning      its exp has passed: take it out\n";
    assert_eq!((printed.as_str(), output.status.code()), (expected, Some(0)));
    let strict = folder.inspect("jwks.json --strict");
    assert_eq!(strict.status.code(), Some(1));
}
