//! Pushes, from an event to a phone, when everything goes wrong.

mod activation;
mod crash_points;
mod mass;
mod material;
mod news;
mod oracle;
pub(crate) mod plan;
mod provider;
mod season;
mod untold;
mod wire;
pub(crate) mod world;
