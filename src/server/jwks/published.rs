//! One JWKS that Keyturn published, checked against what its ConfigMap says of itself.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use base64ct::{Base64UrlUnpadded, Encoding};

use crate::jose::{self, Algorithm, PublicJwk, Use};
use crate::keyring::{Facts, Mark, Marks};
use crate::publish::Header;

/// The file that is taken where several hold the same.
const USUAL_FILE: &str = "jwks.json";

/// A JWKS that may be handed to anyone, as octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What is served.
    pub body: Bytes,
    /// Names the content: base64url of its SHA-256.
    pub tag: String,
    /// Algorithms of the keys that sign, in their order, each once.
    pub signing: Vec<Algorithm>,
    /// The IDs of its keys.
    pub kids: BTreeSet<String>,
    /// How many keys it has.
    pub keys: usize,
    /// The facts that the set stated when it was written.
    pub facts: Option<Facts>,
    /// Revision of the keyring that it was made from.
    pub revision: u64,
    /// The lines whose keys it holds.
    pub lines: BTreeSet<String>,
    /// Every line that the set had.
    pub known_lines: BTreeSet<String>,
}

/// Why a ConfigMap is not as Keyturn wrote it. Someone edited it; Keyturn restores it within seconds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It does not say which set it is for, or the header is damaged.
    #[error("its labels or annotations are not as Keyturn wrote them")]
    Undressed,
    /// It holds not all of the keys that it says it holds.
    #[error("its public JWK Set is not as Keyturn wrote it")]
    Edited,
    /// Its folder can't be read.
    #[error("its folder can't be read")]
    Unread,
}

/// A file whose every key is one that the header tells of.
struct Fitting<'a> {
    name: &'a str,
    content: &'a [u8],
    keys: Vec<PublicJwk>,
}

impl Published {
    /// The JWKS of all lines among the files of one ConfigMap; `None` where none of them is one, as in a ConfigMap for single
    /// lines.
    ///
    /// # Errors
    /// [`Unfit::Edited`]
    pub fn of<'a>(
        header: &Header,
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Option<Self>, Unfit> {
        let fitting: Vec<Fitting<'_>> =
            files.into_iter().filter_map(|(name, content)| Fitting::new(name, content, header)).collect();
        let there: BTreeSet<&str> = fitting.iter().flat_map(Fitting::kids).collect();
        let held = |(kid, mark): &(&String, &Mark)| mark.held.is_some() && !there.contains(kid.as_str());
        if header.marks.iter().any(|mark| held(&mark)) {
            return Err(Unfit::Edited);
        }
        let mut whole: Vec<&Fitting<'_>> = fitting.iter().filter(|file| file.is_whole(&header.marks)).collect();
        whole.sort_by_key(|file| {
            (std::cmp::Reverse(file.lines(&header.marks).len()), file.name != USUAL_FILE, file.name)
        });
        Ok(whole.first().map(|file| file.publish(header)))
    }
}

impl<'a> Fitting<'a> {
    fn new(name: &'a str, content: &'a [u8], header: &Header) -> Option<Self> {
        let keys = jose::published(content).ok()?.keys;
        let is_known = |key: &PublicJwk| {
            let marked = header.marks.get(key.kid());
            let revoked = header.revoked.iter().any(|one| one.kid == key.kid());
            !revoked && marked.is_some_and(|mark| mark.algorithm == key.alg() && mark.thumbprint == key.thumbprint())
        };
        keys.iter().all(is_known).then_some(Self { name, content, keys })
    }

    fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(PublicJwk::kid)
    }

    /// Whether every key that verifies is there. Of keys that encrypt only the active ones are published.
    fn is_whole(&self, marks: &Marks) -> bool {
        let verifies = |mark: &Mark| mark.algorithm.usage() == Use::Sig && !mark.algorithm.is_symmetric();
        marks.iter().filter(|(_, mark)| verifies(mark)).all(|(kid, _)| self.kids().any(|one| one == kid))
    }

    fn lines(&self, marks: &Marks) -> BTreeSet<String> {
        self.kids().filter_map(|kid| marks.get(kid)).map(|mark| mark.line.clone()).collect()
    }

    fn publish(&self, header: &Header) -> Published {
        let mut signing: Vec<Algorithm> = Vec::new();
        for key in self.keys.iter().filter(|key| key.usage() == Use::Sig) {
            if !signing.contains(&key.alg()) {
                signing.push(key.alg());
            }
        }
        Published {
            body: Bytes::copy_from_slice(self.content),
            tag: tag(self.content),
            signing,
            kids: self.kids().map(str::to_owned).collect(),
            keys: self.keys.len(),
            facts: header.facts.stated(),
            revision: header.revision,
            lines: self.lines(&header.marks),
            known_lines: header.marks.values().map(|mark| mark.line.clone()).collect(),
        }
    }
}

/// Names a content: base64url of its SHA-256.
pub(super) fn tag(content: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(digest(&SHA256, content).as_ref())
}
