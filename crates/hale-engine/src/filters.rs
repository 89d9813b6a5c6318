//! What hale judges with, as plain functions of text and numbers: for commands that read standard
//! input and need no agent, no files and no network. Nothing here has an effect.

pub use hale_brain::decide::redact;
pub use hale_brain::decide::shell;
pub use hale_brain::detect::miner;
pub use hale_brain::detect::stream_anomaly;
