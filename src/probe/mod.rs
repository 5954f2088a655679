//! What was really seen outside: for now, the clocks.

pub mod clock;

pub use clock::{Clock, ServerClock, SystemClock};
