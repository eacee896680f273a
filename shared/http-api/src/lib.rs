#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod answer;
mod body;
mod call;
mod outage;
pub mod page;
mod problem;
mod reply;
mod route;

pub use answer::{Failure, answer, answer_in};
pub use body::{parse_json, parse_json_list, parse_json_or_default};
pub use call::{Call, Caller, etag};
pub use outage::Outages;
pub use problem::{CATALOGUE, Entry, Problem, ProblemBody, ProblemFieldBody};
pub use reply::Reply;
pub use route::Route;
