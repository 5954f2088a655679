//! What the API server refuses at admission: CEL rules, each with a sentence that says what to change.
//!
//! The sums are those of [`crate::lifecycle::policy`], which decides again when the operator runs; a test holds
//! the two equal. Cron expressions and time zones can't be checked in CEL.

mod outputs;

use kube::core::{Message, Rule};
use schemars::{Schema, SchemaGenerator, json_schema};

pub(super) use outputs::{
    certificates_are_of_lines_that_sign, each_line_can_be_loaded_whole, each_line_is_in_a_secret,
    each_line_is_published, encodings_fit_the_keys, encrypted_keys_are_pkcs8, file_options_fit_the_content,
    janssen_has_a_passphrase, keystores_have_a_passphrase, mia_platform_has_one_rsa_line,
};

use crate::jose::{Algorithm, ContentEncryption, KeyKind, NO_448, Use};

/// Longest `metadata.name` that leaves room for the suffixes of the default outputs and the keyring in 253 characters.
pub const LONGEST_NAME: usize = 63;

/// How many retired keys a line may keep at once.
pub const MOST_RETIRED: i64 = 8;

/// A sum of facts, and the sets it is asked of. `applies` is CEL with names for whole conditions, see [`Sum::applies`].
pub(super) struct Sum {
    applies: &'static str,
    called: &'static str,
    facts: &'static [&'static str],
}

/// Lead of signature keys that are published in ConfigMaps: P + C + S.
pub(super) const SIG_BY_CONFIG_MAP: Sum =
    Sum { applies: "{sig} && {published}", called: "lead", facts: &["publishDelay", "verifierCacheTtl", "clockSkew"] };
/// Lead of signature keys that the signer publishes, or that are symmetric: R + C + S.
pub(super) const SIG_BY_SIGNER: Sum = Sum {
    applies: "{sig} && {loaded} || {symmetric sig}",
    called: "lead",
    facts: &["signerReloadDelay", "verifierCacheTtl", "clockSkew"],
};
/// Lead of encryption keys: R + S.
pub(super) const ENC: Sum =
    Sum { applies: "{enc} || {symmetric enc}", called: "lead", facts: &["signerReloadDelay", "clockSkew"] };
/// Retention of signature keys: R + L + 2S.
pub(super) const SIG_RETENTION: Sum = Sum {
    applies: "{sig} || {symmetric sig}",
    called: "retention",
    facts: &["signerReloadDelay", "maxTokenLifetime", "clockSkew", "clockSkew"],
};
/// Retention of encryption keys that are published in ConfigMaps: P + C + L + 2S.
pub(super) const ENC_BY_CONFIG_MAP_RETENTION: Sum = Sum {
    applies: "{enc} && {published}",
    called: "retention",
    facts: &["publishDelay", "verifierCacheTtl", "maxTokenLifetime", "clockSkew", "clockSkew"],
};
/// Retention of encryption keys that the signer publishes, or that are symmetric: R + C + L + 2S.
pub(super) const ENC_BY_SIGNER_RETENTION: Sum = Sum {
    applies: "{enc} && {loaded} || {symmetric enc}",
    called: "retention",
    facts: &["signerReloadDelay", "verifierCacheTtl", "maxTokenLifetime", "clockSkew", "clockSkew"],
};

impl Sum {
    fn applies(&self) -> String {
        let any = |usage, symmetric| any_line_is(|one| one.usage() == usage && one.is_symmetric() == symmetric);
        self.applies
            .replace("{sig}", &any(Use::Sig, false))
            .replace("{symmetric sig}", &any(Use::Sig, true))
            .replace("{enc}", &any(Use::Enc, false))
            .replace("{symmetric enc}", &any(Use::Enc, true))
            .replace(
                "{published}",
                &format!("({PUBLISHER} == 'Keyturn' || has(self.configMaps) && self.configMaps.size() > 0)"),
            )
            .replace("{loaded}", &format!("{PUBLISHER} == 'Signer'"))
    }

    fn cel(&self) -> String {
        self.facts.iter().map(|fact| format!("duration(self.timing.{fact})")).collect::<Vec<_>>().join(" + ")
    }

    /// CEL list items and the `%s` pattern that show the sum: `publishDelay 2m + verifierCacheTtl 1h + …`.
    fn shown(&self) -> (String, String) {
        let pattern = self.facts.iter().map(|fact| format!("{fact} %s")).collect::<Vec<_>>().join(" + ");
        let items = self.facts.iter().map(|fact| format!("self.timing.{fact}")).collect::<Vec<_>>().join(", ");
        (pattern, items)
    }
}

/// `rotation.interval` is at least lead + W + S, where W, the bound on one write to the API server, is 60 s.
pub(super) fn interval_covers_the_lead(lead: &Sum) -> Rule {
    let (pattern, items) = lead.shown();
    let least = format!("{} + duration('60s') + duration(self.timing.clockSkew)", lead.cel());
    let rule = format!(
        "self.rotation.mode != 'Interval' || !({}) || duration(self.rotation.interval) >= {least}",
        lead.applies()
    );
    let message = format!(
        "'rotation.interval %s is shorter than the {} ({pattern}) + 60s for one write + clockSkew %s = %s: \
         state a longer interval, or shorter facts in timing if they are true'\
         .format([self.rotation.interval, {items}, self.timing.clockSkew, string({least})])",
        lead.called
    );
    Rule::new(rule).message(Message::Expression(message))
}

/// A retired key leaves before more than eight of its line have gathered.
pub(super) fn retained_keys_stay_few(retention: &Sum) -> Rule {
    let (pattern, items) = retention.shown();
    // In seconds: eight times a long interval is more than a CEL duration can hold.
    let rule = format!(
        "self.rotation.mode != 'Interval' || !({}) || {MOST_RETIRED} * duration(self.rotation.interval).getSeconds() >= ({}).getSeconds()",
        retention.applies(),
        retention.cel()
    );
    let message = format!(
        "'rotation.interval %s would keep more than {MOST_RETIRED} retired keys of a line, each for the {} \
         ({pattern}) = %s: state a longer interval, or a shorter maxTokenLifetime if it is true'\
         .format([self.rotation.interval, {items}, string({})])",
        retention.called,
        retention.cel()
    );
    Rule::new(rule).message(Message::Expression(message))
}

/// The publisher as the policy fills it in.
const PUBLISHER: &str = "(has(self.publisher) ? self.publisher : self.profile == 'Janssen' ? 'Signer' : 'Keyturn')";

/// The line's name as the policy fills it in.
const NAME: &str = "(has(k.name) ? k.name : k.algorithm.lowerAscii().replace('+', '-').replace('_', '-'))";

/// Line names are unique.
pub(super) fn line_names_differ() -> Rule {
    let other = NAME.replace("k.", "o.");
    Rule::new(format!("self.keys.all(k, self.keys.exists_one(o, {other} == {NAME}))")).message(
        "two key lines have one name (by default the algorithm in lower case): give each line its own keys[].name",
    )
}

/// A file's `line` is a line of the set.
pub(super) fn file_lines_exist() -> Rule {
    let known = "self.keys.exists(k, NAME == s.files[f].line)".replace("NAME", NAME);
    both_outputs(&format!("s.files.all(f, !has(s.files[f].line) || {known})"))
        .message("a file's line must be the name of one of spec.keys (by default the algorithm in lower case)")
}

/// An import's `line` is a line of the set, and is stated where there are several. CEL reserves the word `import`, so its
/// field is `__import__` there.
pub(super) fn import_lines_exist() -> Rule {
    let known = NAME.to_owned() + " == i.line";
    Rule::new(format!(
        "!has(self.__import__) || self.__import__.keys.all(i, has(i.line) ? self.keys.exists(k, {known}) : self.keys.size() == 1)"
    ))
    .message(
        "import.keys[].line must be the name of one of spec.keys (by default the algorithm in lower case); it may be left out \
         only where the set has a single line",
    )
}

/// One key of a line is active.
pub(super) fn one_import_is_active() -> Rule {
    let active = |one: &str| format!("has({one}.role) && {one}.role == 'Active'");
    // Where the set has a single line, that may be left out.
    let line = |one: &str| format!("(self.keys.size() > 1 && has({one}.line) ? {one}.line : '')");
    Rule::new(format!(
        "!has(self.__import__) || self.__import__.keys.all(i, !({}) || self.__import__.keys.exists_one(o, {} && {} == {}))",
        active("i"),
        active("o"),
        line("o"),
        line("i")
    ))
    .message("two of import.keys have the role Active for one line: state it for one of them")
}

/// A file of one key says which line it takes, where there are several.
pub(super) fn one_key_files_name_their_line() -> Rule {
    both_outputs(
        "s.files.all(f, self.keys.size() == 1 || has(s.files[f].line) || s.files[f].content in ['PrivateJwks', 'PublicJwks', 'Pkcs12', 'Passphrase', 'ActiveKids', 'Revision'])",
    )
    .message("a file that holds one key must state its line, because the set has several lines")
}

/// File names can be keys of a Secret or ConfigMap.
pub(super) fn file_names_are_keys() -> Rule {
    both_outputs("s.files.all(f, f.size() <= 253 && f.matches('^[-._a-zA-Z0-9]+$') && !f.startsWith('..') && f != '.')")
        .message("a file name may hold letters, digits, '-', '_' and '.', at most 253 of them, and not start with '..'")
}

/// Outputs of one kind have different names.
pub(super) fn output_names_differ() -> Rule {
    Rule::new(
        "(!has(self.secrets) || self.secrets.all(s, self.secrets.exists_one(o, o.name == s.name))) && \
         (!has(self.configMaps) || self.configMaps.all(s, self.configMaps.exists_one(o, o.name == s.name)))",
    )
    .message("two secrets, or two configMaps, have one name: put their files into one entry, or name them differently")
}

/// `rsaBits` belongs to RSA.
pub(super) fn rsa_bits_only_for_rsa() -> Rule {
    let rsa = names(|algorithm| algorithm.keys().contains(KeyKind::Rsa));
    Rule::new(format!("self.keys.all(k, !has(k.rsaBits) || k.algorithm in {rsa})"))
        .message("rsaBits is only for RSA algorithms (RS*, PS*, RSA*): leave it out of the other lines")
}

/// A line's `curve` is one of those that its algorithm takes.
pub(super) fn curves_fit() -> Rule {
    let mut curves: Vec<&str> =
        Algorithm::ALL.iter().flat_map(|one| one.keys().iter()).filter_map(KeyKind::curve).collect();
    curves.sort_unstable();
    curves.dedup();
    let takes = |curve: &str| names(|algorithm| algorithm.keys().iter().any(|kind| kind.curve() == Some(curve)));
    let fits = curves.iter().map(|curve| format!("k.curve == '{curve}' && k.algorithm in {}", takes(curve)));
    let rule = format!("self.keys.all(k, !has(k.curve) || {})", fits.collect::<Vec<_>>().join(" || "));
    let message = format!(
        "keys[].curve must be a curve of the line's algorithm: {} with ECDH-ES and its kin; leave it out of lines that \
         have no choice. Ed448 and X448 are not offered: {NO_448}",
        Algorithm::EcdhEs.keys()
    );
    Rule::new(rule).message(&*message)
}

/// `contentEncryption` belongs to `dir`.
pub(super) fn content_encryption_only_for_dir() -> Rule {
    let dir = Algorithm::Dir;
    Rule::new(format!("self.keys.all(k, !has(k.contentEncryption) || k.algorithm == '{dir}')"))
        .message("contentEncryption is only for dir, whose keys encrypt the content: leave it out of the other lines")
}

/// A file that can only be public takes no symmetric line by name, and not the only line if that is symmetric.
pub(super) fn symmetric_keys_are_in_no_public_file() -> Rule {
    let misplaced = |contents: &str| {
        format!("s.files.all(f, !(s.files[f].content in {contents}) || {})", takes_no_symmetric_line())
    };
    let secrets = misplaced("['PublicJwks', 'PublicJwk', 'PublicKeyPem', 'CertificatePem']");
    let config_maps = misplaced("['PublicJwks', 'PublicJwk', 'PublicKeyPem', 'CertificatePem', 'ActiveKid']");
    Rule::new(format!(
        "(!has(self.secrets) || self.secrets.all(s, !has(s.files) || {secrets})) && \
         (!has(self.configMaps) || self.configMaps.all(s, !has(s.files) || {config_maps}))"
    ))
    .message(
        "a public file takes a line whose keys are symmetric and have no public half: take the line out of it, and give its \
         keys to all who need them in a PrivateJwks file",
    )
}

/// A symmetric key has no PEM.
pub(super) fn symmetric_keys_are_in_no_pem() -> Rule {
    let pem = format!("!(s.files[f].content in ['PrivateKeyPem', 'PrivateKeyDer']) || {}", takes_no_symmetric_line());
    Rule::new(format!("!has(self.secrets) || self.secrets.all(s, !has(s.files) || s.files.all(f, {pem}))")).message(
        "a PEM file takes a line whose keys are symmetric and have no PEM form: write PrivateJwks or PrivateJwk",
    )
}

/// Whether the file `f` of the output `s` takes no symmetric line. A public JWKS of all lines leaves them out by itself.
fn takes_no_symmetric_line() -> String {
    let symmetric = names(Algorithm::is_symmetric);
    format!(
        "(has(s.files[f].line) || s.files[f].content == 'PublicJwks' || !(self.keys[0].algorithm in {symmetric})) && \
         (!has(s.files[f].line) || !self.keys.exists(k, k.algorithm in {symmetric} && {NAME} == s.files[f].line))"
    )
}

/// A schedule counts only with `Schedule`, which needs one.
pub(super) fn schedule_is_stated() -> Rule {
    Rule::new("(self.rotation.mode == 'Schedule') == has(self.rotation.schedule)").message(
        "rotation.mode: Schedule and rotation.schedule go together: state both, for example with schedule \"0 3 1 * *\", or \
         neither",
    )
}

/// Loading is publishing with `publisher: Signer`, so a sender could choose a key that some replica lacks.
pub(super) fn enc_by_signer_takes_the_first() -> Rule {
    let enc = any_line_is(|algorithm| algorithm.usage() == Use::Enc && !algorithm.is_symmetric());
    Rule::new(format!("{PUBLISHER} != 'Signer' || !({enc}) || has(self.encSelection)")).message(
        "an encryption key that the signer itself publishes is safe only if senders take the first key: \
         state encSelection: First if they do, or use publisher: Keyturn",
    )
}

/// The same of a symmetric key: who loads it may encrypt with it.
pub(super) fn symmetric_enc_takes_the_first() -> Rule {
    let enc = any_line_is(|algorithm| algorithm.usage() == Use::Enc && algorithm.is_symmetric());
    Rule::new(format!("!({enc}) || has(self.encSelection)")).message(
        "a symmetric encryption key can be used by whoever loaded it, which is safe only if senders take the first key: state \
         encSelection: First if they do, or use RSA-OAEP-256",
    )
}

/// A kid can't come twice.
pub(super) fn kid_is_unique() -> Rule {
    Rule::new(
        "!has(self.kid) || !has(self.kid.template) || \
         (self.kid.template.contains('{thumbprint}') || self.kid.template.contains('{uuid}')) && \
         self.kid.template.matches('^([A-Za-z0-9._:@/-]|[{](thumbprint|uuid|line|use|alg|date|ops)[}])+$')",
    )
    .message(
        "kid.template must hold {thumbprint} or {uuid}, may hold {line}, {use}, {alg}, {date} and {ops}, \
         and otherwise letters, digits and . _ : @ / -",
    )
}

/// `{ops}` stands for a word.
pub(super) fn ops_has_a_word() -> Rule {
    Rule::new(
        "!has(self.kid) || !has(self.kid.template) || !self.kid.template.contains('{ops}') || \
         self.profile == 'Janssen' || has(self.jwk) && has(self.jwk.keyOpsType)",
    )
    .message("{ops} in kid.template is the word of jwk.keyOpsType: state that, or leave {ops} out")
}

/// A certificate outlives its key: two rotations, two leads with W and S, and a retention. `of` decides which lines are asked.
pub(super) fn certificates_outlive_their_keys(lead: &Sum, retention: &Sum, of: &Sum) -> Rule {
    let ahead = format!("({} + duration('60s') + duration(self.timing.clockSkew)).getSeconds()", lead.cel());
    let kept = format!("({}).getSeconds()", retention.cel());
    let certified = "(has(self.certificate) || has(self.jwk) && (has(self.jwk.x5c) && self.jwk.x5c || \
         has(self.jwk.x5tS256) && self.jwk.x5tS256 || has(self.jwk.exp) && self.jwk.exp != 'None') || \
         has(self.secrets) && self.secrets.exists(s, has(s.files) && s.files.exists(f, s.files[f].content in ['Pkcs12', 'CertificatePem'])) || \
         has(self.configMaps) && self.configMaps.exists(s, has(s.files) && s.files.exists(f, s.files[f].content == 'CertificatePem')))";
    let validity =
        "duration(has(self.certificate) && has(self.certificate.validity) ? self.certificate.validity : '87600h')";
    let least = format!(
        "(self.rotation.mode == 'Never' ? 3 * {kept} + 6 * {ahead} : \
         2 * duration(self.rotation.interval).getSeconds() + 2 * {ahead} + {kept})"
    );
    Rule::new(format!(
        "self.rotation.mode == 'Schedule' || !({}) || !{certified} || {validity}.getSeconds() >= {least}",
        of.applies()
    ))
    .message(
        "certificate.validity (by default 87600h) is shorter than a key lives, as the next one, as the active one and retired: \
         state a longer validity, or rotate more often",
    )
}

/// The resource's name leaves room for suffixes, and no output takes the keyring's name.
pub(super) fn name_fits() -> Rule {
    Rule::new(format!(
        "self.metadata.name.size() <= {LONGEST_NAME} && (!has(self.spec.secrets) || \
         self.spec.secrets.all(s, s.name != self.metadata.name + '-keyring'))"
    ))
    .message("metadata.name may have at most 63 characters, and no secret may be named <name>-keyring: that is the keyring's own")
}

/// Discovery is by https, and what follows the issuer is a path.
pub(super) fn issuer_is_a_url() -> Rule {
    Rule::new(
        "!has(self.issuer) || isURL(self.issuer) && url(self.issuer).getScheme() == 'https' && \
         url(self.issuer).getHostname() != '' && !self.issuer.matches('[?#@\\\\s]')",
    )
    .message("issuer must be an https URL without user, query and fragment, as in https://auth.example.com/main")
}

/// Schema of `issuer`: as long as others allow an `iss` to be.
pub(super) fn issuer_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "nullable": true, "minLength": 1, "maxLength": 255 })
}

/// Schema of `keys[].algorithm`: the table's names.
pub(super) fn algorithm_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": Algorithm::names().collect::<Vec<_>>() })
}

/// Schema of `keys[].rsaBits`.
pub(super) fn rsa_bits_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "format": "int32", "enum": [2048, 3072, 4096, 8192] })
}

/// Schema of `keys[].contentEncryption`.
pub(super) fn content_encryption_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ContentEncryption::names().collect::<Vec<_>>() })
}

/// The same predicate over `secrets` and `configMaps`, each called `s`.
fn both_outputs(predicate: &str) -> Rule {
    let all = |list: &str| format!("(!has(self.{list}) || self.{list}.all(s, !has(s.files) || {predicate}))");
    Rule::new(format!("{} && {}", all("secrets"), all("configMaps")))
}

fn any_line_is(wanted: impl Fn(Algorithm) -> bool) -> String {
    format!("self.keys.exists(k, k.algorithm in {})", names(wanted))
}

fn names(wanted: impl Fn(Algorithm) -> bool) -> String {
    let quoted: Vec<_> = Algorithm::ALL.iter().filter(|one| wanted(**one)).map(|one| format!("'{one}'")).collect();
    format!("[{}]", quoted.join(", "))
}
