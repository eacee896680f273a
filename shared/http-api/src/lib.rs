#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod answer;
mod body;
mod call;
pub mod page;
mod problem;
mod reply;
mod route;

pub use answer::{Failure, answer, answer_in};
pub use body::{parse_json, parse_json_list};
pub use call::{Call, Caller, etag};
pub use problem::{CATALOGUE, Entry, Problem, ProblemBody, ProblemFieldBody};
pub use reply::Reply;
pub use route::Route;
