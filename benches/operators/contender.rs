//! The operators, and what each is asked for: one EC P-256 key (and, in Keyturn's case, its successor) in a Secret.

use std::path::{Path, PathBuf};
use std::process::Command;

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use crate::support::binaries;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    Keyturn,
    CertManager,
}

impl Contender {
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyturn => "Keyturn",
            Self::CertManager => "cert-manager",
        }
    }

    /// Its program, which is built if it is not there, and its arguments.
    pub fn program(self) -> (PathBuf, &'static [&'static str]) {
        match self {
            Self::Keyturn => {
                (released().unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_keyturn"))), &["controller"])
            }
            Self::CertManager => (binaries::cert_manager().to_owned(), &[]),
        }
    }

    /// The folder or file of its CRDs.
    pub fn crds(self) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        match self {
            Self::Keyturn => root.join("crds"),
            Self::CertManager => {
                let module = "github.com/cert-manager/cert-manager";
                let mut go = Command::new("go");
                go.args(["list", "-m", "-f", "{{.Dir}}", module]).current_dir(root.join("tests/cert-manager"));
                let said = go.output().expect("`go` is there, which built it");
                Path::new(String::from_utf8_lossy(&said.stdout).trim()).join("deploy/crds")
            }
        }
    }

    pub fn resource(self) -> ApiResource {
        ApiResource::from_gvk(&match self {
            Self::Keyturn => GroupVersionKind::gvk("keyturn.dev", "v1alpha1", "JwksKeySet"),
            Self::CertManager => GroupVersionKind::gvk("cert-manager.io", "v1", "Certificate"),
        })
    }

    /// What has to be there first, as a manifest.
    pub fn first(self) -> Option<Value> {
        (self == Self::CertManager).then(|| {
            json!({
                "apiVersion": "cert-manager.io/v1",
                "kind": "Issuer",
                "metadata": { "name": "self-signed", "namespace": "default" },
                "spec": { "selfSigned": {} },
            })
        })
    }

    /// One object.
    pub fn object(self, name: &str) -> DynamicObject {
        let spec = match self {
            Self::Keyturn => json!({ "keys": [{ "algorithm": "ES256" }] }),
            Self::CertManager => json!({
                "secretName": secret(name),
                "commonName": name,
                "privateKey": { "algorithm": "ECDSA", "size": 256 },
                "issuerRef": { "kind": "Issuer", "name": "self-signed" },
            }),
        };
        DynamicObject::new(name, &self.resource()).within("default").data(json!({ "spec": spec }))
    }
}

/// The binary of a release that is to be measured, and not what was just built: `KEYTURN_BENCH_PROGRAM`.
pub fn released() -> Option<PathBuf> {
    std::env::var_os("KEYTURN_BENCH_PROGRAM").map(PathBuf::from)
}

/// The Secret of an object, under the name that Keyturn gives it by default.
pub fn secret(object: &str) -> String {
    format!("{object}-signer")
}
