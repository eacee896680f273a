//! Pure types and rules: what an event, an endpoint, a delivery and an attempt are, and what may
//! happen to them. No I/O, no AWS, no clock, no randomness: `now` and random bytes are arguments.
//!
//! # The flow in types
//!
//! A producer's [`event::Draft`] becomes an [`event::Event`]. [`matching::plan`] turns it and the
//! network's [`endpoint::Endpoint`]s into one [`id::DeliveryId`] per matching endpoint; the id is a
//! function of endpoint, acceptance time and event id, so planning twice plans the same deliveries.
//! Each try is signed by [`signing`], judged by [`attempt::judge`], and [`delivery::settle`] says
//! what the delivery becomes: delivered, pending with the time of its next try from [`retry`], or
//! dead.
//!
//! This crate never formats keys, JSON answers or log lines; those belong to the rooms that own
//! the outside they speak to.

pub mod address;
pub mod api_key;
pub mod attempt;
pub mod base32;
pub mod delivery;
pub mod endpoint;
pub mod envelope;
pub mod event;
pub mod event_type;
pub mod field;
pub mod id;
pub mod matching;
pub mod retry;
pub mod signing;
pub mod time;
pub mod webhook_url;
