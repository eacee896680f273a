mod harness;

mod deliver;
mod endpoints;
mod refuse;
mod retry;
mod straight_to_queue;
