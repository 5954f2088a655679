//! What a warning is about.

use serde::Serialize;

macro_rules! codes {
    ($( $(#[$doc:meta])+ $variant:ident $name:literal; )+) => {
        /// What a warning is about: a stable name for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub enum Code {
            $( $(#[$doc])+ #[serde(rename = $name)] $variant, )+
        }

        impl Code {
            /// Every code, in the order of `docs/inspect.md`.
            pub const ALL: &'static [Self] = &[$( Self::$variant ),+];

            /// The name, as JSON has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }
        }
    };
}

codes! {
    /// A private or symmetric key where others can read it.
    PrivateInPublic "private-in-public";
    /// The key cannot be used; the reason is its `problem`.
    Unusable "unusable";
    /// The private half, or a public key or certificate beside it, is not of the same key.
    HalvesDiffer "halves-differ";
    /// Two keys have one kid.
    DuplicateKid "duplicate-kid";
    /// A JWK has no kid.
    KidMissing "kid-missing";
    /// A JWK has no `alg`.
    AlgMissing "alg-missing";
    /// An `alg` that is unknown here.
    AlgUnknown "alg-unknown";
    /// The `alg` is for other keys.
    AlgMismatch "alg-mismatch";
    /// The `alg` should not be chosen any more.
    AlgDiscouraged "alg-discouraged";
    /// The `use` contradicts the `alg`, or is unknown.
    UseMismatch "use-mismatch";
    /// The `key_ops` contradict the `use`, or need a private key that is not there.
    KeyOpsMismatch "key-ops-mismatch";
    /// A member is there more than once.
    MemberRepeated "member-repeated";
    /// RSA below 2048 bits.
    RsaRefused "rsa-refused";
    /// RSA below 3072 bits.
    RsaShort "rsa-short";
    /// A symmetric key below 128 bits, or shorter than the hash that it is for.
    SymmetricShort "symmetric-short";
    /// A symmetric key in a set with public keys.
    SymmetricBesidePublic "symmetric-beside-public";
    /// A coordinate without its leading zero octets.
    CoordinateUnpadded "coordinate-unpadded";
    /// A modulus or exponent with leading zero octets.
    LeadingZeros "leading-zeros";
    /// A member is not base64url without padding.
    NotBase64Url "not-base64url";
    /// The `x` of an octet key pair is longer than its curve's: SPKI, for example.
    OkpTooLong "okp-too-long";
    /// The curve has another name in JOSE.
    CurveName "curve-name";
    /// A time is in milliseconds.
    TimeInMilliseconds "time-in-milliseconds";
    /// A time is no number.
    TimeNotANumber "time-not-a-number";
    /// `exp` has passed.
    Expired "expired";
    /// `nbf` has not come.
    NotYetValid "not-yet-valid";
    /// The certificate has expired.
    CertificateExpired "certificate-expired";
    /// The certificate is not valid yet.
    CertificateNotYetValid "certificate-not-yet-valid";
    /// The first certificate of `x5c` is of another key.
    X5cOtherKey "x5c-other-key";
    /// `x5c` holds no certificates.
    X5cUnreadable "x5c-unreadable";
    /// `x5t#S256` is of another certificate than `x5c`.
    X5tMismatch "x5t-mismatch";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_documented_in_order_and_nothing_else_is() {
        let page = include_str!("../../docs/inspect.md");
        let (_, table) = page.split_once("## Warnings").unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(rows.collect::<Vec<_>>(), Code::ALL.iter().map(|code| code.name()).collect::<Vec<_>>());
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }
}
