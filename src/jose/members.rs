//! The members of a JWK as they come in, before they are checked.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Base64Url, ParamsError, PublicParams};

/// All members that Keyturn knows. Others are ignored (RFC 7517 section 4); a member that is there twice is refused.
///
/// `P` is what the private members become: [`IgnoredAny`] where they must not be kept.
#[derive(Deserialize)]
pub(super) struct Members<P> {
    pub(super) kty: Option<String>,
    #[serde(rename = "use")]
    pub(super) usage: Option<String>,
    pub(super) alg: Option<String>,
    pub(super) kid: Option<String>,
    crv: Option<String>,
    #[serde(rename = "pub")]
    public: Option<Base64Url>,
    x: Option<Base64Url>,
    y: Option<Base64Url>,
    n: Option<Base64Url>,
    e: Option<Base64Url>,
    pub(super) d: Option<P>,
    pub(super) p: Option<P>,
    pub(super) q: Option<P>,
    pub(super) dp: Option<P>,
    pub(super) dq: Option<P>,
    pub(super) qi: Option<P>,
    /// The private half of a key of `kty` `AKP` (RFC 9964 section 3).
    #[serde(rename = "priv")]
    pub(super) private: Option<P>,
    /// Further primes (RFC 7518 section 6.3.2.7).
    pub(super) oth: Option<IgnoredAny>,
    /// A symmetric key (RFC 7518 section 6.4.1).
    pub(super) k: Option<P>,
}

impl<P> Members<P> {
    /// The public half, checked.
    pub(super) fn public_params(&self) -> Result<PublicParams, ParamsError> {
        match self.kty.as_deref().unwrap_or_default() {
            "RSA" => PublicParams::rsa(octets(self.n.as_ref(), "n", "RSA")?, octets(self.e.as_ref(), "e", "RSA")?),
            "EC" => {
                let crv = self.crv.as_deref().ok_or(ParamsError::Missing { member: "crv", kty: "EC" })?;
                PublicParams::ec(crv.parse()?, octets(self.x.as_ref(), "x", "EC")?, octets(self.y.as_ref(), "y", "EC")?)
            }
            "OKP" => {
                let crv = self.crv.as_deref().ok_or(ParamsError::Missing { member: "crv", kty: "OKP" })?;
                PublicParams::okp(crv.parse()?, octets(self.x.as_ref(), "x", "OKP")?)
            }
            "AKP" => {
                let alg = self.alg.as_deref().ok_or(ParamsError::Missing { member: "alg", kty: "AKP" })?;
                PublicParams::akp(alg.parse()?, octets(self.public.as_ref(), "pub", "AKP")?)
            }
            "" => Err(ParamsError::NoKeyType),
            other => Err(ParamsError::KeyType { given: super::excerpt(other) }),
        }
    }

    /// Whether a member is there that no public JWK may have.
    pub(super) const fn has_private(&self) -> bool {
        let asymmetric = self.d.is_some() || self.p.is_some() || self.q.is_some() || self.private.is_some();
        let chinese_remainder = self.dp.is_some() || self.dq.is_some() || self.qi.is_some();
        asymmetric || chinese_remainder || self.oth.is_some() || self.k.is_some()
    }
}

impl TryFrom<Members<IgnoredAny>> for PublicParams {
    type Error = ParamsError;

    fn try_from(members: Members<IgnoredAny>) -> Result<Self, ParamsError> {
        members.public_params()
    }
}

fn octets<'a>(given: Option<&'a Base64Url>, member: &'static str, kty: &'static str) -> Result<&'a [u8], ParamsError> {
    given.map(Base64Url::octets).ok_or(ParamsError::Missing { member, kty })
}
