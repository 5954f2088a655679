//! Rules of what is in which file, and of who could not use a line for want of one. A file list that is left out is that of
//! the profile.

use kube::core::Rule;

use super::{NAME, PUBLISHER, both_outputs, names};
use crate::jose::{Algorithm, KeyKind, Use};

/// Whether an output `s` has the profile's files.
const BY_DEFAULT: &str = "(!has(s.files) || s.files.size() == 0)";

/// Options of a file belong to its content.
pub(in crate::api) fn file_options_fit_the_content() -> Rule {
    Rule::new(
        "(!has(self.encoding) || self.content in ['PrivateKeyPem', 'PrivateKeyDer']) && \
         (!has(self.inactiveKeys) || self.content == 'PrivateJwks') && (!has(self.encryption) || self.content == 'Pkcs12')",
    )
    .message(
        "encoding is only for PrivateKeyPem and PrivateKeyDer, inactiveKeys only for PrivateJwks, encryption only for Pkcs12: \
         leave the option out, or change the content",
    )
}

/// Keystores and files with the passphrase need one.
pub(in crate::api) fn keystores_have_a_passphrase() -> Rule {
    Rule::new(
        "has(self.passphrase) || !has(self.files) || self.files.all(f, !(self.files[f].content in ['Pkcs12', 'Passphrase']))",
    )
    .message("a Pkcs12 or Passphrase file needs a passphrase: state passphrase.secretKeyRef beside the files of this secret")
}

/// PKCS#1 and SEC1 know no encryption that is worth its name.
pub(in crate::api) fn encrypted_keys_are_pkcs8() -> Rule {
    Rule::new(
        "!has(self.passphrase) || !has(self.files) || \
         self.files.all(f, !has(self.files[f].encoding) || self.files[f].encoding == 'PKCS8')",
    )
    .message(
        "PKCS1 and SEC1 have no modern encryption: write PKCS8, or put the file into a secret without a passphrase",
    )
}

/// What Janssen loads is a keystore.
pub(in crate::api) fn janssen_has_a_passphrase() -> Rule {
    Rule::new(format!(
        "self.profile != 'Janssen' || has(self.secrets) && self.secrets.size() > 0 && \
         self.secrets.all(s, has(s.passphrase) || !{BY_DEFAULT})"
    ))
    .message(
        "profile Janssen writes a keystore, which needs a passphrase: state secrets, with name and passphrase.secretKeyRef",
    )
}

/// What a Mia-Platform client loads is one RSA key.
pub(in crate::api) fn mia_platform_has_one_rsa_line() -> Rule {
    let (first, rsa, symmetric) = ("self.keys[0].algorithm", rsa(), names(Algorithm::is_symmetric));
    let stated = |list: &str| format!("has(self.{list}) && self.{list}.size() > 0");
    let all = |list: &str, holds: &str| format!("self.{list}.all(s, !{BY_DEFAULT} || {holds})");
    let one = "self.keys.size() == 1";
    let key_fits = format!("(has(s.passphrase) ? !({first} in {symmetric}) : {first} in {rsa})");
    let secrets = format!(
        "({} ? {} : {one} && {first} in {rsa})",
        stated("secrets"),
        all("secrets", &format!("{one} && {key_fits}"))
    );
    let published = format!("{PUBLISHER} == 'Keyturn' && self.keys.exists(k, !(k.algorithm in {symmetric}))");
    let maps = format!(
        "({} ? {} : !({published}) || {one})",
        stated("configMaps"),
        all("configMaps", &format!("{one} && !({first} in {symmetric})"))
    );
    Rule::new(format!("self.profile != 'MiaPlatform' || {secrets} && {maps}")).message(
        "profile MiaPlatform writes the PEM files of one RSA line: state a single line such as RS256, or the files of every \
         secret and configMap",
    )
}

/// The encoding of a PEM file is one of its line's keys.
pub(in crate::api) fn encodings_fit_the_keys() -> Rule {
    let ec = names(|algorithm| algorithm.keys().iter().any(|kind| matches!(kind, KeyKind::Ec(_))));
    let pkcs1 = format!("o.algorithm in {}", rsa());
    let sec1 = format!("o.algorithm in {ec} && !(has(o.curve) && o.curve == 'X25519')");
    let fits = format!("(s.files[f].encoding == 'PKCS1' ? {pkcs1} : {sec1})");
    let named = format!("{} == s.files[f].line", NAME.replace("k.", "o."));
    Rule::new(format!(
        "!has(self.secrets) || self.secrets.all(s, !has(s.files) || s.files.all(f, !has(s.files[f].encoding) || \
         s.files[f].encoding == 'PKCS8' || self.keys.exists(o, (has(s.files[f].line) ? {named} : true) && {fits})))"
    ))
    .message(
        "encoding PKCS1 is only for RSA lines, SEC1 only for lines on P-256, P-384, P-521 or secp256k1: write PKCS8",
    )
}

/// A line that can't sign has no certificate.
pub(in crate::api) fn certificates_are_of_lines_that_sign() -> Rule {
    let certified = certified("k");
    both_outputs(&format!(
        "s.files.all(f, !(s.files[f].content in ['CertificatePem', 'Pkcs12']) || (has(s.files[f].line) ? \
         self.keys.exists(k, {NAME} == s.files[f].line && {certified}) : \
         s.files[f].content == 'Pkcs12' || self.keys.exists(k, {certified})))"
    ))
    .message("symmetric and X25519 keys can't sign and so have no certificate: take their lines out of keystores and certificate files")
}

/// Decision 7: somebody can use each line.
pub(in crate::api) fn each_line_is_in_a_secret() -> Rule {
    let certified = certified("k");
    let private = format!(
        "s.files[f].content in ['PrivateJwks', 'PrivateJwk', 'PrivateKeyPem', 'PrivateKeyDer'] || \
         s.files[f].content == 'Pkcs12' && {certified}"
    );
    let by_default = format!("(self.profile != 'Janssen' || {certified})");
    Rule::new(format!("self.keys.all(k, {})", in_secrets(&private, &by_default))).message(
        "a line is in no secret, so nobody could use it: add a file with private content for it (X25519 and symmetric keys can't \
         be in a keystore)",
    )
}

/// Decision 7: those who must load every key of a line can.
pub(in crate::api) fn each_line_can_be_loaded_whole() -> Rule {
    let certified = certified("k");
    let loaded = names(|algorithm| algorithm.usage() == Use::Enc || algorithm.is_symmetric());
    let lists = format!(
        "s.files[f].content == 'PrivateJwks' && (!has(s.files[f].inactiveKeys) || s.files[f].inactiveKeys == 'Private') || \
         s.files[f].content == 'Pkcs12' && {certified}"
    );
    let by_default = format!("(self.profile in ['Generic', 'Ory'] || self.profile == 'Janssen' && {certified})");
    Rule::new(format!(
        "self.keys.all(k, {PUBLISHER} != 'Signer' && !(k.algorithm in {loaded}) || {})",
        in_secrets(&lists, &by_default)
    ))
    .message(
        "lines for encryption, symmetric ones, and all with publisher Signer need a PrivateJwks file (with inactiveKeys: Private, \
         if that is stated) or a keystore, because their other keys must be loaded beside the active one",
    )
}

/// Decision 7: verifiers can know the next key of each line.
pub(in crate::api) fn each_line_is_published() -> Rule {
    let symmetric = names(Algorithm::is_symmetric);
    Rule::new(format!(
        "{PUBLISHER} != 'Keyturn' || !has(self.configMaps) || self.configMaps.size() == 0 || \
         self.keys.all(k, k.algorithm in {symmetric} || self.configMaps.exists(s, {BY_DEFAULT} || \
         s.files.exists(f, s.files[f].content == 'PublicJwks' && {})))",
        covers()
    ))
    .message("a line is in no PublicJwks file of configMaps, so verifiers could not know its next key: add it to one")
}

/// Whether some secret has a file for the line `k` of which `wanted` holds, or of the profile's files `by_default` does.
fn in_secrets(wanted: &str, by_default: &str) -> String {
    format!(
        "(!has(self.secrets) || self.secrets.size() == 0 ? {by_default} : \
         self.secrets.exists(s, {BY_DEFAULT} ? {by_default} : s.files.exists(f, {} && ({wanted}))))",
        covers()
    )
}

fn covers() -> String {
    format!("(has(s.files[f].line) ? s.files[f].line == {NAME} : true)")
}

fn certified(line: &str) -> String {
    let symmetric = names(Algorithm::is_symmetric);
    format!("!({line}.algorithm in {symmetric}) && !(has({line}.curve) && {line}.curve == 'X25519')")
}

fn rsa() -> String {
    names(|algorithm| algorithm.keys().contains(KeyKind::Rsa))
}
