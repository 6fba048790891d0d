//! What every HTTP server of this program needs, whatever it answers.
//!
//! In: listeners, each with the router that answers its requests, and limits. Out: answered requests.
//! Never: a connection, a request body or a wait without a bound, and never any knowledge of what is
//! served.
//!
//! [`connections`] bounds how many sockets are open and how long a peer may be idle or stuck;
//! [`bodies`] bounds the memory and the time that request bodies take. A server that answers browsers
//! or listens beyond this machine also needs allowed hosts, tokens and TLS; those checks are layers
//! around a router and belong in this module, one file each.

pub mod bodies;
pub mod connections;
