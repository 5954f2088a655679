//! What the policy of the day says against an algorithm or a size that is allowed all the same.

use std::fmt;

use super::{Algorithm, KeySpec};

/// Why a key is discouraged. Its `Display` is a sentence that says what to use instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    algorithm: Option<&'static str>,
    small_rsa: Option<u16>,
}

/// The smallest RSA modulus, in bits, that NIST accepts past 2030: 128 bits of strength.
pub(crate) const LASTING_RSA_BITS: u16 = 3072;

impl Algorithm {
    /// What is to be said against making such a key for this algorithm, if anything.
    #[must_use]
    pub fn advice(self, spec: KeySpec) -> Option<Advice> {
        let small_rsa = match spec {
            KeySpec::Rsa { bits } if bits < LASTING_RSA_BITS => Some(bits),
            _ => None,
        };
        let algorithm = self.row().discouraged;
        (algorithm.is_some() || small_rsa.is_some()).then_some(Advice { algorithm, small_rsa })
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sentence) = self.algorithm {
            f.write_str(sentence)?;
        }
        if self.algorithm.is_some() && self.small_rsa.is_some() {
            f.write_str("; ")?;
        }
        if let Some(bits) = self.small_rsa {
            write!(
                f,
                "RSA keys of {bits} bits must not be relied on past 2030 (NIST SP 800-57 part 1): write rsaBits \
                 {LASTING_RSA_BITS} or more"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{Curve, KeyChoice, OkpCurve};

    #[test]
    fn what_is_discouraged_says_why_and_what_to_use() {
        let rsa = |bits| KeySpec::Rsa { bits };
        let ed25519 = KeySpec::Okp { curve: OkpCurve::Ed25519 };
        let cases: [(Algorithm, KeySpec, &[&str]); 4] = [
            (Algorithm::Rs256, rsa(2048), &["RSA keys of 2048 bits", "2030", "SP 800-57", "3072 or more"]),
            (Algorithm::Rsa15, rsa(4096), &["RSA1_5", "RFC 8725 section 3.2", "RFC 8017", "RSA-OAEP-256"]),
            (Algorithm::Rsa15, rsa(2048), &["RSA1_5", "; RSA keys of 2048 bits"]),
            (Algorithm::EdDsa, ed25519, &["EdDSA", "RFC 9864", "Ed25519"]),
        ];
        for (algorithm, spec, parts) in cases {
            let advice = algorithm.advice(spec).unwrap().to_string();
            for part in parts {
                assert!(advice.contains(part), "{advice}");
            }
        }
    }

    #[test]
    fn what_is_current_gets_no_advice() {
        let discouraged = [Algorithm::Rsa15, Algorithm::EdDsa];
        for algorithm in Algorithm::ALL.iter().filter(|one| !discouraged.contains(one)) {
            let spec = KeySpec::new(*algorithm, KeyChoice::default()).unwrap();
            assert_eq!(algorithm.advice(spec), None, "{algorithm}");
        }
        assert_eq!(Algorithm::Ps256.advice(KeySpec::Rsa { bits: 3072 }), None);
        assert_eq!(Algorithm::EcdhEs.advice(KeySpec::Ec { curve: Curve::P521 }), None);
    }
}
