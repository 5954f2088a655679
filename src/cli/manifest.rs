//! Reads `JwksKeySet` resources from YAML files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::api::{self, GROUP, JwksKeySet};
use crate::engine::Request;
use crate::store::SetRef;

/// The namespace of a resource that names none.
const DEFAULT_NAMESPACE: &str = "default";

/// Why files can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("{path} can't be read: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path} is no valid YAML: {why}")]
    Yaml { path: String, why: String },
    #[error("{path}: document {number} is {found}: state apiVersion {GROUP}/v1alpha1 and kind JwksKeySet")]
    Kind { path: String, number: usize, found: String },
    #[error("{path}: document {number}: {why}")]
    Fields { path: String, number: usize, why: String },
    #[error("{path}: document {number}: {field} is not a field of JwksKeySet: check its spelling and indentation")]
    Unknown { path: String, number: usize, field: String },
    #[error("{path}: document {number} has no metadata.name: state one")]
    NoName { path: String, number: usize },
    #[error("{0} is there twice: keep one of them")]
    Twice(String),
    #[error("{0} holds no JwksKeySet")]
    Empty(String),
}

/// Reads every key set of the files.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Request>, ManifestError> {
    let (requests, errors) = read_each(files);
    errors.into_iter().next().map_or(Ok(requests), Err)
}

/// Reads every key set of those files that can be read, and why the others can't.
pub(super) fn read_each(files: &[PathBuf]) -> (Vec<Request>, Vec<ManifestError>) {
    let (mut requests, mut errors) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for path in files {
        match read_one(path) {
            Err(error) => errors.push(error),
            Ok(found) => {
                for request in found {
                    if seen.insert(request.set.to_string()) {
                        requests.push(request);
                    } else {
                        errors.push(ManifestError::Twice(request.set.to_string()));
                    }
                }
            }
        }
    }
    (requests, errors)
}

fn read_one(path: &Path) -> Result<Vec<Request>, ManifestError> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ManifestError::Read { path: shown(), source })?;
    let found = parse(path, &text)?;
    if found.is_empty() { Err(ManifestError::Empty(shown())) } else { Ok(found) }
}

fn parse(path: &Path, text: &str) -> Result<Vec<Request>, ManifestError> {
    let shown = path.display().to_string();
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|error| ManifestError::Yaml { path: shown.clone(), why: error.to_string() })?;
    let numbered = documents.into_iter().enumerate().filter(|(_, document)| !document.is_null());
    numbered.map(|(index, document)| request(&shown, index + 1, document)).collect()
}

fn request(path: &str, number: usize, document: Value) -> Result<Request, ManifestError> {
    let path = path.to_owned();
    let text = |field: &str| document.get(field).and_then(Value::as_str);
    let found = match (text("apiVersion"), text("kind")) {
        (Some(version), Some("JwksKeySet")) if version == format!("{GROUP}/v1alpha1") => None,
        (Some(version), Some(kind)) => Some(format!("{version} {kind}")),
        (Some(_), None) => Some("without a kind".to_owned()),
        (None, Some(_)) => Some("without an apiVersion".to_owned()),
        (None, None) => Some("no Kubernetes resource".to_owned()),
    };
    if let Some(found) = found {
        return Err(ManifestError::Kind { path, number, found });
    }
    let mut unknown = None;
    let mut note = |field: serde_ignored::Path<'_>| {
        let field = field.to_string().replace(".?", "");
        // Objects of a cluster carry fields of its own, which mean nothing here.
        if !["apiVersion", "kind", "metadata.managedFields", "status"].iter().any(|known| field.starts_with(known)) {
            unknown.get_or_insert(field);
        }
    };
    let read = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(document, &mut note));
    let resource: JwksKeySet = match (read, unknown) {
        (Ok(resource), None) => resource,
        (Ok(_), Some(field)) => return Err(ManifestError::Unknown { path, number, field }),
        (Err(error), None) => return Err(ManifestError::Fields { path, number, why: error.to_string() }),
        // A field that is missing is often there under a wrong name.
        (Err(error), Some(field)) => {
            let why = format!("{error}; and {field} is not a field of JwksKeySet: check its spelling and indentation");
            return Err(ManifestError::Fields { path, number, why });
        }
    };
    let Some(name) = resource.metadata.name else { return Err(ManifestError::NoName { path, number }) };
    let annotations = resource.metadata.annotations.unwrap_or_default();
    Ok(Request {
        set: SetRef {
            namespace: resource.metadata.namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
            name,
            owner: None,
        },
        edit: None,
        rotate: annotations.get(api::ROTATE).cloned(),
        confirmed: api::confirmed_kids(&annotations),
        remembered: None,
        set_back: false,
        accepted_loss: annotations.get(api::ACCEPT_KEY_LOSS).and_then(|text| text.trim().parse().ok()),
        spec: resource.spec,
    })
}
