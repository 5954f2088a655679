//! `spec`: the key lines, the user's facts, and where the files go.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certificate::CertificateSpec;
use super::files::{ConfigMapOutput, SecretOutput};
use super::import::Import;
use super::jwk::JwkMembers;
use super::profile::Profile;
use super::reference::SecretKeyRef;
use super::rules;
use super::span::Span;
use super::status::JwksKeySetStatus;

/// A set of JSON Web Keys that Keyturn generates, publishes and rotates.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "keyturn.dev",
    version = "v1alpha1",
    kind = "JwksKeySet",
    plural = "jwkskeysets",
    shortname = "jwks",
    category = "keyturn",
    namespaced,
    derive = "PartialEq",
    status = "JwksKeySetStatus",
    doc = "A set of JSON Web Keys that Keyturn generates, publishes and rotates without breaking a token",
    validation = rules::name_fits(),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Keys", type_ = "integer", json_path = ".status.keyCount"),
    printcolumn(name = "Active", type_ = "string", json_path = ".status.activeKids"),
    printcolumn(name = "Next Rotation", type_ = "string", json_path = ".status.nextRotation"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#, priority = 1)
)]
#[x_kube(
    validation = rules::line_names_differ(),
    validation = rules::file_lines_exist(),
    validation = rules::file_names_are_keys(),
    validation = rules::output_names_differ(),
    validation = rules::one_key_files_name_their_line(),
    validation = rules::rsa_bits_only_for_rsa(),
    validation = rules::curves_fit(),
    validation = rules::content_encryption_only_for_dir(),
    validation = rules::symmetric_keys_are_in_no_public_file(),
    validation = rules::symmetric_keys_are_in_no_pem(),
    validation = rules::janssen_has_a_passphrase(),
    validation = rules::mia_platform_has_one_rsa_line(),
    validation = rules::encodings_fit_the_keys(),
    validation = rules::certificates_are_of_lines_that_sign(),
    validation = rules::each_line_is_in_a_secret(),
    validation = rules::each_line_can_be_loaded_whole(),
    validation = rules::each_line_is_published(),
    validation = rules::import_lines_exist(),
    validation = rules::one_import_is_active(),
    validation = rules::schedule_is_stated(),
    validation = rules::issuer_is_a_url(),
    validation = rules::kid_is_unique(),
    validation = rules::ops_has_a_word(),
    validation = rules::enc_by_signer_takes_the_first(),
    validation = rules::symmetric_enc_takes_the_first(),
    validation = rules::interval_covers_the_lead(&rules::SIG_BY_CONFIG_MAP),
    validation = rules::interval_covers_the_lead(&rules::SIG_BY_SIGNER),
    validation = rules::interval_covers_the_lead(&rules::ENC),
    validation = rules::retained_keys_stay_few(&rules::SIG_RETENTION),
    validation = rules::retained_keys_stay_few(&rules::ENC_BY_CONFIG_MAP_RETENTION),
    validation = rules::retained_keys_stay_few(&rules::ENC_BY_SIGNER_RETENTION),
    validation = rules::certificates_outlive_their_keys(&rules::SIG_BY_CONFIG_MAP, &rules::SIG_RETENTION, &rules::SIG_BY_CONFIG_MAP),
    validation = rules::certificates_outlive_their_keys(&rules::SIG_BY_SIGNER, &rules::SIG_RETENTION, &rules::SIG_BY_SIGNER),
    validation = rules::certificates_outlive_their_keys(&rules::ENC, &rules::ENC_BY_CONFIG_MAP_RETENTION, &rules::ENC_BY_CONFIG_MAP_RETENTION),
    validation = rules::certificates_outlive_their_keys(&rules::ENC, &rules::ENC_BY_SIGNER_RETENTION, &rules::ENC_BY_SIGNER_RETENTION),
)]
#[serde(rename_all = "camelCase")]
pub struct JwksKeySetSpec {
    /// The key lines: each is an algorithm with its use, and over time a row of keys. 1 to 32.
    #[schemars(length(min = 1, max = 32))]
    pub keys: Vec<KeyLine>,
    /// When keys rotate.
    #[serde(default)]
    pub rotation: Rotation,
    /// Facts about the user's own system, from which the safe times are derived.
    #[serde(default)]
    pub timing: Timing,
    /// What must have been seen before a new key signs.
    #[serde(default, skip_serializing_if = "Promotion::is_empty")]
    pub promotion: Promotion,
    /// Who publishes the public keys. Default: `Keyturn`, and with profile `Janssen` `Signer`. Before a change, list
    /// `configMaps` and move the verifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<Publisher>,
    /// The `iss` of the tokens that these keys sign: `keyturn serve` then answers OpenID Connect discovery for it. An https URL
    /// without query and fragment, under which the server is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::issuer_schema")]
    pub issuer: Option<String>,
    /// How senders choose an encryption key when `publisher` is `Signer`, or when the key is symmetric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enc_selection: Option<EncSelection>,
    /// How key IDs are made.
    #[serde(default, skip_serializing_if = "KidSpec::is_empty")]
    pub kid: KidSpec,
    /// Presets for the world that reads the keys: kid template, files, encodings, certificate, publisher and confirmation.
    /// Whatever the spec states counts instead.
    #[serde(default)]
    pub profile: Profile,
    /// Self-signed certificates, which every key gets where this is stated or a file needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateSpec>,
    /// What JWKs say beside the key.
    #[serde(default, skip_serializing_if = "JwkMembers::is_empty")]
    pub jwk: JwkMembers,
    /// Secrets for signers. Default: one, named `<name>-signer`, with the private JWKS in `jwks.json`. To rename one, list
    /// both, move the readers, then drop the old one, which is left as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub secrets: Vec<SecretOutput>,
    /// ConfigMaps for verifiers. Default: one, named `<name>-jwks`, with the public JWKS in `jwks.json`; none with
    /// `publisher: Signer`, nor where all keys are symmetric. To rename one, list both, move the readers, then drop the old one, which is left as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub config_maps: Vec<ConfigMapOutput>,
    /// Keys that exist already, in Secrets of this namespace. They are adopted when their line begins; a line that has keys
    /// adopts no more, whatever is edited here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<Import>,
    /// Keys that must never be used or published again. Each is removed at once, everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub revoked: Vec<RevokedKid>,
    /// What happens to keys and outputs when the resource is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl JwksKeySetSpec {
    /// Everything that the spec refers to in Secrets of the user's.
    pub fn references(&self) -> impl Iterator<Item = &SecretKeyRef> {
        let imported = self.import.iter().flat_map(|import| &import.keys);
        let imported = imported.flat_map(|one| {
            let passphrase = one.passphrase.as_ref().map(|passphrase| &passphrase.secret_key_ref);
            std::iter::once(&one.secret_key_ref).chain(passphrase)
        });
        let passphrases = self.secrets.iter().filter_map(|secret| secret.passphrase.as_ref());
        imported.chain(passphrases.map(|passphrase| &passphrase.secret_key_ref))
    }
}

/// One key line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyLine {
    /// The JOSE name of the algorithm (RFC 7518, RFC 8812, RFC 9864, RFC 9964), such as RS256. `use` follows from it.
    #[schemars(schema_with = "rules::algorithm_schema")]
    pub algorithm: String,
    /// Name of the line, unique in the set. Default: the algorithm in lower case, with `-` for `+` and
    /// `_`. A line that is to change its algorithm
    /// needs a name that stays: without one it is another line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: Option<String>,
    /// Size of the modulus in bits, for RSA algorithms: 2048, 3072, 4096 (default) or 8192.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::rsa_bits_schema")]
    pub rsa_bits: Option<u16>,
    /// The curve, for algorithms that leave a choice: with ECDH-ES and its kin P-256 (default), P-384, P-521 or X25519;
    /// with `EdDSA` Ed25519.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub curve: Option<String>,
    /// For `dir` only: the content encryption (RFC 7518 section 5.1) that decides the size of the key, 128 to 512 bits.
    /// Default: A256GCM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rules::content_encryption_schema")]
    pub content_encryption: Option<String>,
}

/// When keys rotate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rotation {
    /// `Interval`, `Schedule` or `Never`.
    pub mode: Mode,
    /// With `Interval`: how long a key signs. A change applies from the next promotion on.
    pub interval: Span,
    /// With `Schedule`: a cron expression of five fields (minute, hour, day of month, month, day of week).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub schedule: Option<String>,
    /// With `Schedule`: an IANA time zone such as `Europe/Rome`.
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// Stops minting and promotion; never retirement, removal or revocation.
    pub paused: bool,
    /// Keep the next key published at all times. `false`: it is minted only in time for its lead.
    pub standby: bool,
}

/// What decides when a rotation is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Each key signs for `interval`.
    #[default]
    Interval,
    /// Keys rotate when the cron `schedule` fires.
    Schedule,
    /// Keys rotate only when asked to.
    Never,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            mode: Mode::Interval,
            interval: "720h".into(),
            schedule: None,
            time_zone: "UTC".to_owned(),
            paused: false,
            standby: true,
        }
    }
}

/// Facts about the user's own system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Timing {
    /// From a changed ConfigMap to a verifier being able to read it. A mounted volume lags 0 to 90 s by default.
    pub publish_delay: Span,
    /// The longest time a verifier keeps an old JWKS.
    pub verifier_cache_ttl: Span,
    /// From a changed Secret to the signer using it.
    pub signer_reload_delay: Span,
    /// The longest-lived token that these keys sign.
    pub max_token_lifetime: Span,
    /// The largest difference between the clocks of any two machines.
    pub clock_skew: Span,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            publish_delay: "2m".into(),
            verifier_cache_ttl: "1h".into(),
            signer_reload_delay: "2m".into(),
            max_token_lifetime: "24h".into(),
            clock_skew: "1m".into(),
        }
    }
}

/// What must have been seen before a new key signs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Promotion {
    /// Confirmations, all of which are awaited. Default: none, and with profile `MiaPlatform` a manual one, which an empty list
    /// takes away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub confirm: Option<Vec<Confirm>>,
}

impl Promotion {
    fn is_empty(&self) -> bool {
        self.confirm.is_none()
    }
}

/// One confirmation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confirm {
    /// Someone registers the new key elsewhere, then says so: annotation `keyturn.dev/confirm: <kid>`.
    pub manual: Manual,
}

/// No settings yet: the annotation is all there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manual {}

/// Who publishes the public keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Publisher {
    /// Keyturn, into ConfigMaps.
    #[default]
    Keyturn,
    /// The server that loads the signers' Secret publishes what it loaded.
    Signer,
}

/// How senders choose an encryption key that the signer itself publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EncSelection {
    /// Senders take the first suitable key of the JWKS.
    First,
}

/// How key IDs are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KidSpec {
    /// Text with `{thumbprint}` (RFC 7638, SHA-256), `{uuid}`, `{line}`, `{use}`, `{alg}`, `{date}`, `{ops}`; one of the first
    /// two must be there. Default: what the profile says; `Generic`: `{thumbprint}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub template: Option<String>,
}

impl KidSpec {
    fn is_empty(&self) -> bool {
        self.template.is_none()
    }
}

/// A key that must never be used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedKid {
    /// The key's ID.
    #[schemars(length(min = 1, max = 256))]
    pub kid: String,
    /// Why.
    #[serde(default)]
    pub reason: RevocationReason,
}

/// Why a key was revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RevocationReason {
    /// No reason was stated.
    #[default]
    Unspecified,
    /// Someone else has, or may have, the private key.
    Compromised,
    /// The key is no longer needed.
    Superseded,
}

/// What happens to keys and outputs when the resource is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The keyring and the outputs stay; applying the resource again goes on with them.
    #[default]
    Retain,
    /// The keyring and the outputs are deleted with the resource.
    Delete,
}
