//! The client against real servers on loopback.

// `cfg(test)` tells clippy that helpers beside the test functions are test code too.
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod ssrf;
#[cfg(test)]
mod tls;
