//! The life of a key: what the user's spec allows, and what is to be done now. Pure: `now` comes in, a plan goes out.

pub mod adoption;
mod clock;
mod draft;
#[cfg(test)]
pub(crate) mod fixtures;
mod kept;
mod kept_private;
mod observed;
pub mod plan;
#[cfg(test)]
mod plan_tests;
pub mod policy;
pub mod recovery;
#[cfg(test)]
mod recovery_tests;
mod timing;

pub use clock::Now;
pub use kept_private::Crowded;
pub use observed::{Found, Observed, OutputState};
pub use plan::{Mint, MintAs, Plan, plan};
pub use policy::Policy;
pub use timing::{Fact, Sum, Sums, Timing};
