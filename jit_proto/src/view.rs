//! What people are shown: the objects of the JSON output, key by key.
//!
//! The same structs go over the wire, where their names do not matter and times are numbers.

mod failure;
mod grant;
mod health;
mod policy;
mod record;
mod request;
mod status;

pub use failure::{Failure, FailureCode};
pub use grant::{EndView, GrantView, ReviewView, SessionView, TakenView, UsesView};
pub use health::{CheckCountView, CountView, DaemonView, HeldView, LatencyView, MetricsView};
pub use policy::{FileView, MistakeView, OptoutView, RuleView};
pub use record::{CheckpointView, DenialView, EventView, UndeliveredView};
pub use request::{ApprovalView, DecisionView, MayView, RequestView, StageView};
pub use status::{Shown, StatusView};
