//! `keyturn crd`: prints the CustomResourceDefinition.

use std::process::ExitCode;

use clap::Args;
use kube::CustomResourceExt;

use super::Failure;
use crate::api::JwksKeySet;

/// Print the CustomResourceDefinition, for `kubectl apply -f -`.
#[derive(Debug, Args)]
pub(super) struct Crd {}

impl Crd {
    pub(super) fn execute() -> Result<ExitCode, Failure> {
        super::print(&crd_yaml()?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The CustomResourceDefinition as YAML.
fn crd_yaml() -> Result<String, Failure> {
    serde_saphyr::to_string(&JwksKeySet::crd()).map_err(Failure::new)
}
