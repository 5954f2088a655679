//! The rows of the matrix: every algorithm with every kind of key that it takes.

use std::fmt::Write;

use keyturn::jose::{Algorithm, ContentEncryption, KeyKind, Use};

/// One line of one key set.
pub struct Row {
    pub algorithm: Algorithm,
    pub kind: KeyKind,
    /// The content encryption of its messages, if they are encrypted.
    pub enc: &'static str,
    /// As the page names it.
    pub label: String,
    /// The name of its key set.
    pub set: String,
    /// Whether the JWKS holds keys of every other kind too.
    pub among_others: bool,
}

/// All rows, in the order of the algorithm table; the last one looks for its key among others.
pub fn all() -> Vec<Row> {
    let mut rows: Vec<_> = Algorithm::ALL.iter().flat_map(|algorithm| of(*algorithm)).collect();
    let among_others = Row {
        label: "RS256, in a JWKS with every other kind of key".to_owned(),
        set: "among-others".to_owned(),
        among_others: true,
        ..Row::new(Algorithm::Rs256, KeyKind::Rsa)
    };
    rows.push(among_others);
    rows
}

fn of(algorithm: Algorithm) -> Vec<Row> {
    let choice = algorithm.keys().iter().count() > 1;
    if algorithm == Algorithm::Dir {
        let with = |content: &ContentEncryption| {
            let kind = KeyKind::Oct(content.key_bits());
            Row { enc: content.name(), ..Row::new(algorithm, kind) }.told_apart(content.name())
        };
        return ContentEncryption::ALL.iter().map(with).collect();
    }
    let row = |kind: KeyKind| {
        let row = Row::new(algorithm, kind);
        if choice { row.told_apart(&kind.to_string()) } else { row }
    };
    algorithm.keys().iter().map(row).collect()
}

impl Row {
    fn new(algorithm: Algorithm, kind: KeyKind) -> Self {
        // `openssl` on the command line has CBC only.
        let enc = if algorithm.is_symmetric() { "A256GCM" } else { "A128CBC-HS256" };
        Self { algorithm, kind, enc, label: algorithm.name().to_owned(), set: algorithm.slug(), among_others: false }
    }

    fn told_apart(self, by: &str) -> Self {
        let set = format!("{}-{}", self.set, by.to_lowercase());
        Self { label: format!("{}, {by}", self.label), set, ..self }
    }

    pub fn signs(&self) -> bool {
        self.algorithm.usage() == Use::Sig
    }

    pub fn is_symmetric(&self) -> bool {
        self.algorithm.is_symmetric()
    }

    /// A key set whose files are all of the row's line.
    pub fn spec(&self) -> String {
        let mut keys = format!("  - {}\n", self.line());
        if self.among_others {
            let other = |algorithm| format!("  - {{ algorithm: {algorithm} }}\n");
            keys.extend(["ES256", "ES384", "ES512", "ES256K", "Ed25519", "ML-DSA-44"].map(other));
            keys.push_str("  - { algorithm: ECDH-ES, curve: X25519 }\n");
        }
        let set = &self.set;
        let mut spec = format!(
            "apiVersion: keyturn.dev/v1alpha1\nkind: JwksKeySet\nmetadata: {{ name: {set} }}\nspec:\n  keys:\n{}\
             \x20 rotation: {{ mode: Never, standby: false }}\n  timing: {{ signerReloadDelay: 0s, clockSkew: 0s }}\n",
            keys.replace("  - ", "    - ")
        );
        if self.is_symmetric() && !self.signs() {
            spec.push_str("  encSelection: First\n");
        }
        let line = self.algorithm.slug();
        let pem = |content| format!("      key.pem: {{ content: {content}, line: {line} }}\n");
        let (private, public) = if self.is_symmetric() {
            (String::new(), String::new())
        } else {
            (pem("PrivateKeyPem"), pem("PublicKeyPem"))
        };
        write!(
            spec,
            "  secrets:\n  - name: {set}-signer\n    files:\n      jwks.json: {{ content: PrivateJwks }}\n\
             \x20     kid: {{ content: ActiveKid, line: {line} }}\n{private}"
        )
        .unwrap();
        if !self.is_symmetric() {
            write!(
                spec,
                "  configMaps:\n  - name: {set}-jwks\n    files:\n      jwks.json: {{ content: PublicJwks }}\n{public}"
            )
            .unwrap();
        }
        spec
    }

    fn line(&self) -> String {
        let algorithm = self.algorithm;
        let stated = match self.kind {
            KeyKind::Rsa => "rsaBits: 2048".to_owned(),
            KeyKind::Ec(_) | KeyKind::Okp(_) => format!("curve: {}", self.kind),
            KeyKind::Oct(_) if algorithm == Algorithm::Dir => format!("contentEncryption: {}", self.enc),
            KeyKind::Oct(_) | KeyKind::Akp(_) => String::new(),
        };
        format!("{{ algorithm: {algorithm}, {stated} }}")
    }
}
