//! The profiles: one table of defaults. Whatever the spec states counts instead.

use crate::api::ConfigMapFile;
use crate::api::{
    Encoding, ExpUnit, InactiveKeys, KeyOpsType, Profile, PublicContent, Publisher, SecretContent, SecretFile, Select,
};

/// The defaults of one profile.
pub(super) struct Preset {
    pub(super) kid: &'static str,
    pub(super) publisher: Publisher,
    /// Await a manual confirmation before a promotion.
    pub(super) confirm: bool,
    /// Subject of the certificates; `None`: `CN=` and the name of the set.
    pub(super) subject: Option<&'static str>,
    pub(super) key_ops_type: Option<KeyOpsType>,
    pub(super) x5c: bool,
    pub(super) exp: Option<ExpUnit>,
    secret: &'static [(&'static str, SecretPreset)],
    config_map: &'static [(&'static str, PublicContent, Option<Select>)],
}

/// One file of a Secret.
#[derive(Clone, Copy)]
struct SecretPreset {
    content: SecretContent,
    encoding: Option<Encoding>,
    inactive: Option<InactiveKeys>,
    /// Only where the Secret has a passphrase.
    with_passphrase: bool,
}

const fn file(content: SecretContent) -> SecretPreset {
    SecretPreset { content, encoding: None, inactive: None, with_passphrase: false }
}

const GENERIC: Preset = Preset {
    kid: "{thumbprint}",
    publisher: Publisher::Keyturn,
    confirm: false,
    subject: None,
    key_ops_type: None,
    x5c: false,
    exp: None,
    secret: &[("jwks.json", file(SecretContent::PrivateJwks))],
    config_map: &[("jwks.json", PublicContent::PublicJwks, None)],
};

/// The server publishes the web keys that it loaded together with the keystore; it chooses a key by `exp`, so all of them
/// have the same one, and the first, which is the active one, is chosen.
const JANSSEN: Preset = Preset {
    kid: "{ops}_{uuid}_{use}_{alg}",
    publisher: Publisher::Signer,
    subject: Some("CN=jansAuth CA Certificates"),
    key_ops_type: Some(KeyOpsType::Connect),
    x5c: true,
    exp: Some(ExpUnit::Milliseconds),
    secret: &[
        ("jans-auth-keys.p12", file(SecretContent::Pkcs12)),
        ("jans-auth-keys.json", file(SecretContent::PublicJwks)),
        ("active-kids.json", file(SecretContent::ActiveKids)),
        ("revision", file(SecretContent::Revision)),
    ],
    ..GENERIC
};

const ORY: Preset = Preset { kid: "{uuid}", ..GENERIC };

/// The client is registered by hand with one JWK, so a promotion waits for the word that the next one is.
const MIA_PLATFORM: Preset = Preset {
    confirm: true,
    secret: &[
        ("private.key", SecretPreset { encoding: Some(Encoding::Pkcs1), ..file(SecretContent::PrivateKeyPem) }),
        ("PRIVATE_RSA_KEY_ID", file(SecretContent::ActiveKid)),
        ("PRIVATE_KEY_PASSWORD", SecretPreset { with_passphrase: true, ..file(SecretContent::Passphrase) }),
    ],
    config_map: &[
        ("jwks.json", PublicContent::PublicJwks, None),
        ("public.key", PublicContent::PublicKeyPem, None),
        ("client-jwk.json", PublicContent::PublicJwk, None),
        ("next-client-jwk.json", PublicContent::PublicJwk, Some(Select::Standby)),
    ],
    ..GENERIC
};

/// Spring Authorization Server fails where two keys of one algorithm could sign, public ones among them.
const SPRING: Preset = Preset {
    secret: &[(
        "jwks.json",
        SecretPreset { inactive: Some(InactiveKeys::Omitted), ..file(SecretContent::PrivateJwks) },
    )],
    ..GENERIC
};

impl Preset {
    pub(super) const fn of(profile: Profile) -> &'static Self {
        match profile {
            Profile::Generic => &GENERIC,
            Profile::Janssen => &JANSSEN,
            Profile::Ory => &ORY,
            Profile::MiaPlatform => &MIA_PLATFORM,
            Profile::Spring => &SPRING,
        }
    }

    /// The files of a Secret that states none. PKCS#1 knows no encryption that is worth its name, so with a passphrase keys
    /// are PKCS#8.
    pub(super) fn secret_files(&self, has_passphrase: bool) -> impl Iterator<Item = (String, SecretFile)> {
        let wanted = self.secret.iter().filter(move |(_, preset)| has_passphrase || !preset.with_passphrase);
        wanted.map(move |(name, preset)| {
            let SecretPreset { content, encoding, inactive, with_passphrase: _ } = *preset;
            let encoding = encoding.filter(|_| !has_passphrase);
            let file =
                SecretFile { content, line: None, select: None, encoding, inactive_keys: inactive, encryption: None };
            ((*name).to_owned(), file)
        })
    }

    /// The files of a ConfigMap that states none.
    pub(super) fn config_map_files(&self) -> impl Iterator<Item = (String, ConfigMapFile)> {
        let file = |(name, content, select): &(&str, PublicContent, Option<Select>)| {
            ((*name).to_owned(), ConfigMapFile { content: *content, line: None, select: *select })
        };
        self.config_map.iter().map(file)
    }
}
