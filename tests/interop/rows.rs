//! The rows of the matrix: every algorithm with every kind of key that it takes.

use keyturn::jose::{Algorithm, ContentEncryption, KeyKind, OkpCurve, Use};

/// One line of one key set.
pub struct Row {
    pub algorithm: Algorithm,
    pub kind: KeyKind,
    /// The content encryption of its messages, if they are encrypted.
    pub enc: &'static str,
    /// As the page names it.
    pub label: String,
    /// The name of its key line.
    pub line: String,
    /// Whether the JWKS holds keys of every other kind too.
    pub among_others: bool,
}

/// All rows, in the order of the algorithm table; the last one looks for its key among others.
pub fn all() -> Vec<Row> {
    let mut rows: Vec<_> = Algorithm::ALL.iter().flat_map(|algorithm| of(*algorithm)).collect();
    let among_others = Row {
        label: "RS256, in a JWKS with every other kind of key".to_owned(),
        line: "rs256-among-others".to_owned(),
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
        Self { algorithm, kind, enc, label: algorithm.name().to_owned(), line: algorithm.slug(), among_others: false }
    }

    fn told_apart(self, by: &str) -> Self {
        let line = format!("{}-{}", self.line, by.to_lowercase());
        Self { label: format!("{}, {by}", self.label), line, ..self }
    }

    pub fn signs(&self) -> bool {
        self.algorithm.usage() == Use::Sig
    }

    pub fn is_symmetric(&self) -> bool {
        self.algorithm.is_symmetric()
    }

    /// The name of the key set that its line is in, with the lines of its kind of key: not every reader opens a keystore
    /// that holds others too.
    pub fn set(&self) -> &'static str {
        match (self.kind, self.algorithm.usage()) {
            _ if self.among_others => "among-others",
            (KeyKind::Rsa, _) => "rsa",
            (KeyKind::Ec(_), _) => "ec",
            (KeyKind::Okp(OkpCurve::Ed25519), _) => "ed25519",
            (KeyKind::Okp(OkpCurve::X25519), _) => "x25519",
            (KeyKind::Akp(_), _) => "ml-dsa",
            (KeyKind::Oct(_), Use::Sig) => "hmac",
            (KeyKind::Oct(_), Use::Enc) => "aes",
        }
    }
}
