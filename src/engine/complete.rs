//! An output with all its files, ready to be written.

use super::{MintError, PassError};
use crate::publish::{Files, Rendered};

/// An output with all its files.
pub(super) struct Complete {
    pub(super) rendered: Rendered,
    pub(super) files: Files,
}

impl Complete {
    /// Adds the files that are encrypted anew each time, off the async threads.
    pub(super) async fn make(rendered: Rendered, revision: u64) -> Result<Self, PassError> {
        if !rendered.is_slow() {
            let files = rendered.complete(revision)?;
            return Ok(Self { rendered, files });
        }
        let made = tokio::task::spawn_blocking(move || {
            let files = rendered.complete(revision);
            files.map(|files| Self { rendered, files })
        });
        Ok(made.await.map_err(|_| MintError::Interrupted)??)
    }
}
