//! Every vendor in every format it speaks, through the one suite; and a provider of somebody else's.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use std::sync::Mutex;

use polyroute::catalog::{Capability, Support};
use polyroute::provider::{Call, Vendor, vendor};
use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Play, Report, Subject, VendorSubject, Verdict, conformance};
use polyroute::types::{Adaptation, Reply, Wire};
use polyroute::{Client, Error, ErrorKind, Provider, Result, async_trait};

fn ways() -> Vec<(&'static Vendor, Wire)> {
    let formats = |vendor: &'static Vendor| vendor.formats().map(move |chat| (vendor, chat.wire()));
    vendor::ALL.iter().copied().flat_map(formats).collect()
}

#[tokio::test]
async fn every_vendor_does_or_refuses_every_case_in_every_format() {
    let ways = ways();
    assert!(ways.len() > 60, "{} ways only", ways.len());
    let mut cases = 0;
    let mut failures = Vec::new();
    for (vendor, wire) in ways {
        let subject = VendorSubject::new(vendor, wire).expect("a loopback port is free");
        let report = conformance(&subject).await;
        cases += report.verdicts().count();
        failures
            .extend(report.failures().map(|(case, why)| format!("{}, {wire}: {case}: {why}", vendor.name)));
    }
    assert!(cases >= 14 * 60, "{cases} cases only");
    assert!(failures.is_empty(), "{} of {cases} fail:\n{}", failures.len(), failures.join("\n"));
}

/// Somebody's own provider: it answers in process, knows no tools and no schemas, and says so.
#[derive(Debug)]
struct Parrot {
    plays: Mutex<Vec<Play>>,
}

#[async_trait]
impl Provider for Parrot {
    fn name(&self) -> &str {
        "parrot"
    }

    fn check(&self, call: Call<'_>) -> Result<Vec<Adaptation>> {
        if !call.request.tools.is_empty() || call.request.response_format.is_some() {
            return Err(Error::new(ErrorKind::Unsupported, "parrots only talk"));
        }
        Ok(Vec::new())
    }

    async fn chat(&self, call: Call<'_>) -> Result<Reply> {
        self.check(call)?;
        let play = self.plays.lock().expect("nobody panics here").pop();
        match play {
            Some(Play::Answer { reply, .. }) => Ok(*reply),
            Some(Play::Status(status)) => {
                Err(Error::new(ErrorKind::from_status(status), "it bites").with_status(status))
            }
            Some(Play::Hang) => std::future::pending().await,
            _ => Err(Error::new(ErrorKind::Truncated, "it flew away")),
        }
    }
}

struct Cage {
    tools: Support,
    /// What the vendor behind it is said to have got.
    got: Option<Vec<u8>>,
}

impl Subject for Cage {
    fn model(&self) -> String {
        "parrot/grey".into()
    }

    fn client(&self, mut plays: Vec<Play>) -> Result<Client> {
        plays.reverse();
        let retry = RetryPolicy::default().max_attempts(1);
        Client::builder().provider(Parrot { plays: Mutex::new(plays) }).retry(retry).build()
    }

    fn received(&self) -> Option<Vec<u8>> {
        self.got.clone()
    }

    fn supports(&self, capability: Capability) -> Support {
        match capability {
            Capability::Tools | Capability::ParallelTools => self.tools,
            _ => Support::Unknown,
        }
    }
}

fn of<'a>(report: &'a Report, words: &str) -> &'a Verdict {
    let found = report.verdicts().find(|(case, _)| case.contains(words));
    found.map(|(_, verdict)| verdict).expect("there is such a case")
}

#[tokio::test]
async fn a_provider_of_somebody_elses_runs_the_same_suite() {
    let report = conformance(&Cage { tools: Support::No, got: None }).await;

    assert_eq!(report.failures().collect::<Vec<_>>(), [], "{report}");
    assert_eq!(of(&report, "calls a tool"), &Verdict::Refuses);
    assert_eq!(of(&report, "JSON that fits"), &Verdict::Refuses);
    assert_eq!(of(&report, "answers"), &Verdict::Behaves);
}

#[tokio::test]
async fn a_provider_that_promises_more_than_it_does_fails() {
    let report = conformance(&Cage { tools: Support::Yes, got: None }).await;

    let failed: Vec<&str> = report.failures().map(|(case, _)| case).collect();
    assert_eq!(failed.len(), 3, "{report}");
    assert!(failed.iter().all(|case| case.starts_with("calls")), "{report}");
    assert!(report.to_string().contains("FAILS: it says it can, and refused"), "{report}");
}

#[tokio::test]
async fn a_provider_that_drops_options_without_a_word_fails() {
    let got = Some(b"the same as ever".to_vec());
    let report = conformance(&Cage { tools: Support::No, got }).await;

    let failed: Vec<&str> = report.failures().map(|(case, _)| case).collect();
    assert_eq!(failed, ["refuses what it cannot do, as its check foretells"], "{report}");
    assert!(report.to_string().contains("neither refuses nor sends"), "{report}");
}
