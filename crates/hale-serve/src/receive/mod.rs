//! What others send in: reports of incidents (webhooks), and telemetry of services (OTLP). Here it is
//! checked, cut to size and put into hale's own words; whether it is kept, and what follows from it,
//! is for the [`Handle`](hale_model::api::Handle) to say.

mod alertmanager;
mod body;
mod door;
#[doc(hidden)]
pub mod fuzzing;
mod github;
mod names;
mod slack;
mod webhook;

pub use door::WebhookOptions;
pub(crate) use door::webhooks;
pub(crate) use slack::router as slack;
