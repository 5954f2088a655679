//! The life of a key: what the user's spec allows, and what is to be done now. Pure: `now` comes in, a plan goes out.

mod clock;
mod draft;
mod observed;
pub mod plan;
pub mod policy;
pub mod recovery;
mod timing;

pub use clock::Now;
pub use observed::{Found, Observed, OutputState};
pub use plan::{Mint, MintAs, Plan, plan};
pub use policy::Policy;
pub use timing::Timing;
