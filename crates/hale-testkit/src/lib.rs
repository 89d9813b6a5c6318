//! What the fault programs, the drills and the benchmarks share: a view of the world that owes
//! nothing to hale's own collectors, so that it can judge them. And for tests of all crates, scripted
//! language model servers and an authorization server.

pub mod authorization_server;
pub mod bus;
pub mod containers;
pub mod kube_server;
pub mod model_server;
pub mod world;
