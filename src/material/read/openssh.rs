//! OpenSSH's own formats: `openssh-key-v1`, and public keys in lines of text.

use pkcs8::EncodePrivateKey;
use rsa::{BoxedUint, RsaPrivateKey};
use ssh_key::private::{EcdsaKeypair, KeypairData, RsaKeypair};
use ssh_key::public::{EcdsaPublicKey, KeyData, RsaPublicKey};
use ssh_key::{EcdsaCurve, Kdf, Mpint};
use zeroize::Zeroizing;

use crate::jose::{Curve, OkpCurve, PrivateParams, PublicParams, SecretBase64Url};
use crate::material::{CheckError, PrivateKey};

use super::private::Reading;
use super::{ReadError, der};

const DAMAGED: ReadError = ReadError::Damaged { what: "this OpenSSH key" };

/// Reads a key, and gives its comment as its name.
pub(super) fn read(
    octets: &[u8],
    reading: &mut Reading<'_>,
    name: &mut Option<String>,
) -> Result<PrivateKey, ReadError> {
    let mut key = ssh_key::PrivateKey::from_bytes(octets).map_err(|error| match error {
        ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
            ReadError::unsupported("this type of OpenSSH key, or its encryption", "write it anew with ssh-keygen -p")
        }
        _ => DAMAGED,
    })?;
    if key.is_encrypted() {
        let passphrase = reading.passphrase()?;
        if let Kdf::Bcrypt { rounds, .. } = key.kdf() {
            // A round costs what ten thousand hashes cost.
            reading.work.spend(u64::from(*rounds).saturating_mul(10_000))?;
        }
        key = key.decrypt(passphrase).map_err(|error| match error {
            ssh_key::Error::Crypto => ReadError::WrongPassphrase,
            _ => DAMAGED,
        })?;
    }
    *name = Some(key.comment().as_str_lossy().to_owned()).filter(|comment| !comment.is_empty());
    match key.key_data() {
        KeypairData::Rsa(rsa) => read_rsa(rsa),
        KeypairData::Ecdsa(ec) => read_ec(ec),
        KeypairData::Ed25519(ed) => {
            let public = PublicParams::okp(OkpCurve::Ed25519, &ed.public.0).map_err(CheckError::from)?;
            let seed = Zeroizing::new(ed.private.to_bytes());
            Ok(PrivateKey::from_params(&public, &PrivateParams::Okp { d: SecretBase64Url::new(&*seed) })?)
        }
        _ => Err(ReadError::unsupported(
            format!("an OpenSSH key of type {}", key.algorithm()),
            "use RSA, ECDSA or Ed25519",
        )),
    }
}

/// The lines of a text that may hold public keys, counted from 1.
pub(super) fn public_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(str::trim).enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a line begins as public keys of OpenSSH do.
pub(super) fn is_public(line: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-"].iter().any(|name| line.starts_with(name))
}

/// Reads one line, and gives its comment as its name.
pub(super) fn read_public(line: &str, name: &mut Option<String>) -> Result<PublicParams, ReadError> {
    let unsupported =
        |what| ReadError::unsupported(what, "use RSA, ECDSA or Ed25519, one key a line and no options before it");
    let key = ssh_key::PublicKey::from_openssh(line).map_err(|error| match error {
        ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
            unsupported("this type of OpenSSH key".to_owned())
        }
        _ => DAMAGED,
    })?;
    *name = Some(key.comment().as_str_lossy().to_owned()).filter(|comment| !comment.is_empty());
    let params = match key.key_data() {
        KeyData::Rsa(rsa) => return public_rsa(rsa),
        KeyData::Ecdsa(ec) => return public_ec(ec),
        KeyData::Ed25519(ed) => PublicParams::okp(OkpCurve::Ed25519, &ed.0),
        _ => return Err(unsupported(format!("an OpenSSH key of type {}", key.algorithm()))),
    };
    Ok(params.map_err(CheckError::from)?)
}

fn public_rsa(rsa: &RsaPublicKey) -> Result<PublicParams, ReadError> {
    Ok(PublicParams::rsa(number(rsa.n())?, number(rsa.e())?).map_err(CheckError::from)?)
}

fn public_ec(ec: &EcdsaPublicKey) -> Result<PublicParams, ReadError> {
    let curve = curve(ec.curve());
    let point = ec.as_sec1_bytes().get(1..).ok_or(DAMAGED)?;
    let (x, y) = point.split_at_checked(curve.coordinate_octets()).ok_or(DAMAGED)?;
    Ok(PublicParams::ec(curve, x, y).map_err(CheckError::from)?)
}

/// OpenSSH leaves out two members of an RSA key, which are worked out anew.
fn read_rsa(rsa: &RsaKeypair) -> Result<PrivateKey, ReadError> {
    let (public, private) = (rsa.public(), rsa.private());
    let (n, e) = (number(public.n())?, number(public.e())?);
    // First the sizes, so that nobody makes us compute with huge numbers.
    PublicParams::rsa(n, e).map_err(CheckError::from)?;
    let secret = |given: &Mpint| {
        let octets = given.as_positive_bytes().filter(|octets| octets.len() <= n.len()).ok_or(CheckError::Disagree)?;
        Ok::<_, CheckError>(BoxedUint::from_be_slice_vartime(octets))
    };
    let key = RsaPrivateKey::from_components(
        BoxedUint::from_be_slice_vartime(n),
        BoxedUint::from_be_slice_vartime(e),
        secret(private.d())?,
        vec![secret(private.p())?, secret(private.q())?],
    );
    let key = key.map_err(|_| CheckError::Disagree)?;
    Ok(der::pkcs8(key.to_pkcs8_der().map_err(|_| CheckError::Encode)?.as_bytes())?.key)
}

fn number(given: &Mpint) -> Result<&[u8], ReadError> {
    given.as_positive_bytes().ok_or(DAMAGED)
}

fn read_ec(ec: &EcdsaKeypair) -> Result<PrivateKey, ReadError> {
    let curve = curve(ec.curve());
    let point = ec.public_key_bytes().get(1..).ok_or(DAMAGED)?;
    let (x, y) = point.split_at_checked(curve.coordinate_octets()).ok_or(DAMAGED)?;
    let public = PublicParams::ec(curve, x, y).map_err(CheckError::from)?;
    let d = SecretBase64Url::new(ec.private_key_bytes());
    Ok(PrivateKey::from_params(&public, &PrivateParams::Ec { d })?)
}

fn curve(curve: EcdsaCurve) -> Curve {
    match curve {
        EcdsaCurve::NistP256 => Curve::P256,
        EcdsaCurve::NistP384 => Curve::P384,
        EcdsaCurve::NistP521 => Curve::P521,
    }
}
