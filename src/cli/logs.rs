//! What a program that stays says on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::Failure;

/// Begins to log: text for people, or JSON lines. RUST_LOG sets what is logged.
pub(super) fn init(json: bool) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube=warn"));
    // The client warns of an answer that it can't read by quoting it whole, and the answer may be a Secret.
    let filter = filter.add_directive("kube_client::client=error".parse().map_err(Failure::new)?);
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if json {
        logs.json().flatten_event(true).with_span_list(false).init();
    } else {
        logs.init();
    }
    Ok(())
}
