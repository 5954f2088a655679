//! `keyturn controller`: the operator.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use super::system_secrets::SystemSecrets;
use super::{Failure, logs};
use crate::controller::{self, LeaseName, Options, Telemetry};
use crate::server::{self, admin};

/// Run the operator: watch JwksKeySets and keep their keys.
///
/// The cluster is that of KUBECONFIG, ~/.kube/config or the pod's service account. RUST_LOG sets what is logged.
#[derive(Debug, Args)]
pub(super) struct Controller {
    /// Keep only the key sets of this namespace; several by commas, or by repeating this. Default: those of all.
    #[arg(
        long = "namespace",
        env = "KEYTURN_NAMESPACE",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        value_parser = controller::namespace_name
    )]
    namespaces: Vec<String>,
    /// Contend for a lease with other operators: only the one that holds it writes, and another takes over when it ends.
    #[arg(long, env = "KEYTURN_LEADER_ELECT")]
    leader_elect: bool,
    /// The name of the lease.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "keyturn-controller",
        requires = "leader_elect",
        value_parser = lease_name
    )]
    lease_name: String,
    /// The namespace of the lease. Default: that of the pod, or of the kubeconfig's context.
    #[arg(long, value_name = "NAMESPACE", requires = "leader_elect", value_parser = controller::namespace_name)]
    lease_namespace: Option<String>,
    /// Answer /livez, /readyz and /metrics by plain HTTP at this address, such as 0.0.0.0:8081. Default: nowhere.
    #[arg(long, env = "KEYTURN_ADMIN_LISTEN", value_name = "ADDRESS", value_parser = server::address)]
    admin_listen: Option<SocketAddr>,
    /// Log JSON lines instead of text.
    #[arg(long, env = "KEYTURN_LOG_JSON")]
    log_json: bool,
    #[command(flatten)]
    system_secrets: SystemSecrets,
}

impl Controller {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        logs::init(self.log_json)?;
        let lease = self.leader_elect.then_some(LeaseName { namespace: self.lease_namespace, name: self.lease_name });
        let options =
            Options { namespaces: self.namespaces.into_iter().collect(), seal: self.system_secrets.open()?, lease };
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::new)?;
        let done = runtime.block_on(run(options, self.admin_listen));
        runtime.shutdown_background();
        done?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn run(options: Options, admin: Option<SocketAddr>) -> Result<(), Failure> {
    let telemetry = Telemetry::default();
    let admin = match admin {
        None => None,
        Some(address) => {
            let vitals = Vitals(telemetry.clone());
            let listener = server::bind(address).await.map_err(Failure::new)?;
            Some(server::serve(listener, admin::router(vitals)))
        }
    };
    let done = controller::run(options, telemetry).await.map_err(Failure::new);
    if let Some(admin) = admin {
        admin.stop().await;
    }
    done
}

/// What the operator knows of itself, for those who probe it.
struct Vitals(Telemetry);

impl admin::Vitals for Vitals {
    fn ailments(&self) -> Vec<String> {
        self.0.health.ailments()
    }

    fn waits_for(&self) -> Vec<String> {
        self.0.health.waits_for()
    }

    fn lacks(&self) -> Vec<String> {
        self.0.health.lacks()
    }

    fn metrics(&self) -> String {
        self.0.metrics.text()
    }
}

/// Reads the name of a lease.
fn lease_name(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        !label.is_empty() && label.chars().all(is_plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    if text.len() <= 253 && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err("a lease's name has up to 253 lower-case letters, digits, dashes and dots, as any Kubernetes object's"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        controller: Controller,
    }

    fn parse(args: &[&str]) -> Result<Controller, String> {
        let parsed = Program::try_parse_from(["keyturn"].iter().chain(args));
        parsed.map(|program| program.controller).map_err(|error| error.to_string())
    }

    #[test]
    fn namespaces_come_by_commas_and_by_repetition() {
        let parsed = parse(&["--namespace", "iam,web", "--namespace", "api"]).unwrap();
        assert_eq!(parsed.namespaces, ["iam", "web", "api"]);
        assert!(!parsed.leader_elect && parsed.admin_listen.is_none());
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let cases: [(&[&str], &str); 7] = [
            (&["--namespace", "iam,"], "leave the option out"),
            (&["--namespace", "Iam"], "can't be a namespace"),
            (&["--lease-name", "other"], "--leader-elect"),
            (&["--lease-namespace", "iam"], "--leader-elect"),
            (&["--leader-elect", "--lease-name=-x"], "a lease's name has"),
            (&["--admin-listen", "8081"], "is no address and port"),
            (&["--admin-listen", "localhost:8081"], "write 0.0.0.0:8081"),
        ];
        for (args, sentence) in cases {
            let error = parse(args).unwrap_err();
            assert!(error.contains(sentence), "{args:?}: {error}");
        }
        assert!(parse(&["--leader-elect", "--lease-name", "a.b-1"]).is_ok());
    }
}
