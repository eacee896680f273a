//! An event in at the HTTP API, a verified webhook out at a receiver: see `tests/`.
