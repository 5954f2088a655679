//! Which namespaces the operator keeps: all, or a list of them with a watch for each, so that Roles in these namespaces are
//! enough and nothing is asked of the whole cluster.

use std::collections::BTreeSet;
use std::fmt;

use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

/// The namespaces that the operator keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// Every one.
    #[default]
    All,
    /// These, and no other is looked at.
    Listed(BTreeSet<String>),
}

impl Namespaces {
    /// One API for each watch, and the namespace that it is of; `None` is all of them.
    pub(super) fn apis<K>(&self, client: &Client) -> Vec<(Option<String>, Api<K>)>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned,
    {
        match self {
            Self::All => vec![(None, Api::all(client.clone()))],
            Self::Listed(names) => {
                names.iter().map(|name| (Some(name.clone()), Api::namespaced(client.clone(), name))).collect()
            }
        }
    }
}

impl fmt::Display for Namespaces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => out.write_str("all"),
            Self::Listed(names) => out.write_str(&names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
        }
    }
}

impl FromIterator<String> for Namespaces {
    /// No name at all means every namespace.
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let names: BTreeSet<String> = names.into_iter().collect();
        if names.is_empty() { Self::All } else { Self::Listed(names) }
    }
}

/// Reads the name of a namespace.
///
/// # Errors
/// A sentence, if no namespace can have that name (RFC 1123 label).
pub fn namespace_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.is_empty() {
        Err("the name of a namespace is empty: leave the option out to keep all namespaces".to_owned())
    } else if name.len() > 63 || !name.chars().all(is_plain) || name.starts_with('-') || name.ends_with('-') {
        Err(format!(
            "{name:?} can't be a namespace: its name has up to 63 lower-case letters, digits and dashes, and neither begins \
             nor ends with a dash"
        ))
    } else {
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_all_and_names_count_once() {
        assert_eq!(Namespaces::from_iter([]), Namespaces::All);
        let named = ["b", "a", "b"].map(str::to_owned);
        assert_eq!(Namespaces::from_iter(named), Namespaces::Listed(["a", "b"].map(str::to_owned).into()));
    }

    #[test]
    fn what_can_be_no_namespace_is_refused() {
        assert_eq!(namespace_name(" iam "), Ok("iam".to_owned()));
        for wrong in ["", " ", "Iam", "-iam", "iam-", "i.am", "*", "a b", &"a".repeat(64)] {
            namespace_name(wrong).unwrap_err();
        }
    }
}
