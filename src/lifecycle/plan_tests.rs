//! What is done when, and why. The set of each test lives in memory: a pass plans, commits and publishes as the engine
//! does. P 10, C 100, R 20, L 1000, S 5 and W 60 seconds, so every sum is its own.

mod adoption;
mod confirmation;
mod facts;
mod first_keys;
mod kept;
mod kept_private;
mod lines;
mod promotion;
mod properties;
mod removal;
mod revocation;
mod rhythm;
mod symmetric;
