//! Sensitive data stays at home, whatever else the client does with a call.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use std::time::SystemTime;

use polyroute::catalog::Charge;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::routing::policy::Cascade;
use polyroute::routing::{DataPolicy, QualityFloor, RouteTarget, SensitiveData, Threshold, Traits};
use polyroute::testing::{ScriptedProvider, VirtualClock};
use polyroute::types::{CallOptions, Preferences, Reply};
use polyroute::{ChatRequest, Client, ClientBuilder, ErrorKind, Price, Route, Usage};

const CARD: &str = "my card is 4111 1111 1111 1111 12/27";

fn dollar() -> Price {
    Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap()
}

fn provider(name: &str, says: &'static str) -> ScriptedProvider {
    ScriptedProvider::new(name).always(move || Reply::text(says).with_usage(Usage::of(10, 10)))
}

/// Calls take the route `cheap` above `percent` of ten dollars.
fn diverting(percent: u8) -> ClientBuilder {
    let limit = Limit::cost("10".parse().unwrap(), Window::lifetime()).above(percent, "cheap").named("all");
    Client::builder().clock(VirtualClock::manual(SystemTime::UNIX_EPOCH)).limits(Limits::new().limit(limit))
}

async fn until(done: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_audit_of_a_sensitive_call_stays_at_home_however_full_a_limit_is() {
    let public = provider("public", "8");
    let (weak, strong) = (provider("weak", "weak answer"), provider("strong", "8"));
    let floor = QualityFloor::new(0.95).unwrap();
    let policy = Cascade::new(floor).fixed(Threshold::new(f64::INFINITY)).audit_share(1.0);
    let at_home = |name: &str| RouteTarget::new(name, Traits::new().self_hosted().tag("own"));
    let targets = [at_home("weak/m"), at_home("strong/m")];
    let client = diverting(5)
        .provider(public.clone())
        .provider(weak.clone())
        .provider(strong.clone())
        .price("weak/m", dollar())
        .price("public/m", dollar())
        .prices_json(
            r#"{"models":[{"provider":"strong","id":"m","input":"1","output":"1","max_output_tokens":100}]}"#,
        )
        .route("cheap", Route::ordered(["public/m"]))
        .route("app", Route::with_policy(policy, targets).sensitive(SensitiveData::new().detect()))
        .build()
        .unwrap();

    let request = ChatRequest::from(("app", CARD)).max_output_tokens(10);
    let answer = client.chat(request.options(CallOptions::new().tag("own"))).await.unwrap();
    until(|| !strong.calls().is_empty()).await;

    assert_eq!(answer.target().provider(), "weak");
    assert_eq!((public.calls().len(), strong.calls().len()), (0, 1));
}

#[tokio::test]
async fn a_diverted_call_obeys_the_route_it_was_for_and_the_one_it_goes_to() {
    let public = provider("public", "ok");
    let home = provider("home", "ok");
    let build = |asked: Route, taken: Route| {
        diverting(1)
            .provider(public.clone())
            .provider(home.clone())
            .describe("home", Traits::new().self_hosted())
            .describe("public", Traits::new().data(DataPolicy::Retains))
            .price("public/m", dollar())
            .price("home/m", dollar())
            .route("app", asked)
            .route("cheap", taken)
            .build()
            .unwrap()
    };
    let ask = async |client: &Client| {
        // It uses the limit, and may go anywhere.
        client.chat(ChatRequest::from(("home/m", "hi")).max_output_tokens(10)).await?;
        let request = ChatRequest::from(("app", CARD)).max_output_tokens(10);
        let answer = client.chat(request).await?;
        assert_eq!(answer.decision().route.as_deref(), Some("cheap"));
        Ok::<_, polyroute::Error>(answer.target().provider().to_owned())
    };
    let both = || Route::ordered(["public/m", "home/m"]);
    let guarded = || SensitiveData::new().detect();
    let zdr = || Preferences::from_json(r#"{"zdr": true}"#).unwrap();

    assert_eq!(ask(&build(both(), both())).await.unwrap(), "public");
    assert_eq!(ask(&build(both(), both().sensitive(guarded()))).await.unwrap(), "home");
    assert_eq!(ask(&build(both().sensitive(guarded()), both())).await.unwrap(), "home");
    assert_eq!(ask(&build(both().prefer(zdr()), both())).await.unwrap(), "home");
    let refused = ask(&build(both().prefer(zdr()), Route::ordered(["public/m"]))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("zdr"), "{refused}");
}
