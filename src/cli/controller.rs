//! `keyturn controller`: the operator.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::system_secrets::SystemSecrets;
use crate::controller;

/// Run the operator: watch JwksKeySets and keep their keys.
///
/// The cluster is that of KUBECONFIG, ~/.kube/config or the pod's service account. RUST_LOG sets what is logged.
#[derive(Debug, Args)]
pub(super) struct Controller {
    /// Watch only this namespace. Default: all of them.
    #[arg(long, env = "KEYTURN_NAMESPACE", value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Log JSON lines instead of text.
    #[arg(long, env = "KEYTURN_LOG_JSON")]
    log_json: bool,
    #[command(flatten)]
    system_secrets: SystemSecrets,
}

impl Controller {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let mut filter = tracing_subscriber::EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,kube=warn"));
        // The client warns of an answer that it can't read by quoting it whole, and the answer may be a Secret.
        filter = filter.add_directive("kube_client::client=error".parse().map_err(Failure::new)?);
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        if self.log_json {
            logs.json().init();
        } else {
            logs.init();
        }
        let seal = self.system_secrets.open()?;
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::new)?;
        let done = runtime.block_on(controller::run(self.namespace, seal));
        runtime.shutdown_background();
        done.map_err(Failure::new)?;
        Ok(ExitCode::SUCCESS)
    }
}
