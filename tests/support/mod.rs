//! What the integration tests share: a real Kubernetes control plane, built from source and started on loopback.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

pub mod binaries;
pub mod control_plane;
pub mod leash;
pub mod processes;
