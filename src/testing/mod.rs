//! For your own tests: time that obeys, a provider that plays a script, and loopback servers that speak the vendors'
//! formats. Behind the feature `testing`.

mod clock;
mod conformance;
mod sandbox;
mod scripted;

pub use clock::VirtualClock;
pub use conformance::{Play, Report, Subject, VendorSubject, Verdict, conformance};
pub use sandbox::{Fault, Garbage, Raw, Received, Sandbox, SandboxVendor, Step};
pub use scripted::{ScriptedCall, ScriptedProvider, ScriptedQuestion, ScriptedStep};
