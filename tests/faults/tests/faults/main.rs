//! The real handlers, a made-up world, and everything that can go wrong in it.

// `cfg(test)` tells clippy that helpers beside the test functions are test code too.
#[cfg(test)]
mod beside;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod claimed;
#[cfg(test)]
mod conservation;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod crash_points;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod faulty;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lambda;
#[cfg(test)]
mod left_keys;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod patch;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod push;
#[cfg(test)]
mod rate;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod test_send;
#[cfg(test)]
mod time;
#[cfg(test)]
mod waiters;
#[cfg(test)]
mod world;
