//! Enums that are written as one of a few names.

/// For an enum with `ALL` and `name()`: how it is shown, parsed and converted for serde. A name that is not in `ALL` is
/// handed to `$unknown`, which makes the error.
macro_rules! by_name {
    ($type:ty, $error:ty, $unknown:expr) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $error;

            fn from_str(given: &str) -> Result<Self, $error> {
                Self::ALL.iter().copied().find(|one| one.name() == given).ok_or_else(|| $unknown(given))
            }
        }

        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(given: String) -> Result<Self, $error> {
                given.parse()
            }
        }

        impl From<$type> for &'static str {
            fn from(one: $type) -> Self {
                one.name()
            }
        }
    };
}

pub(super) use by_name;

/// Names as a sentence lists them: `a, b or c`.
pub(super) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
