//! Calls that are dropped: what is closed, what is read on, what is booked. In virtual time.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyroute::catalog::TokenEstimate;
use polyroute::provider::{Cancelling, Habits};
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::{Attempt, Completeness, Outcome};
use polyroute::{ChatRequest, Client, StreamEvent, Usage};
use support::{builder, run, virtual_clock};

const SECOND: Duration = Duration::from_secs(1);

const PROMPT: &str = "Tell me a story.";

/// What the prompt is taken for before it is sent.
fn prompt_tokens() -> u64 {
    TokenEstimate::of_chat(&ChatRequest::from(("a/m", PROMPT))).expected
}

/// The price of the prompt and of `output` tokens.
fn price(output: u64) -> Option<String> {
    Some(format!("${}", prompt_tokens() + 2 * output))
}

/// Keeps every finished attempt and how the calls ended.
#[derive(Clone, Debug, Default)]
struct Books(Arc<Mutex<(Vec<Attempt>, Vec<Outcome>)>>);

impl Books {
    fn attempts(&self) -> Vec<Attempt> {
        self.0.lock().unwrap().0.clone()
    }

    fn calls(&self) -> Vec<Outcome> {
        self.0.lock().unwrap().1.clone()
    }

    /// The only attempt: outcome, tokens in and out, cost and how well it is known.
    fn only(&self) -> (Outcome, Option<u64>, Option<u64>, Option<String>, Completeness) {
        let attempts = self.attempts();
        assert_eq!(attempts.len(), 1, "{attempts:?}");
        let Attempt { outcome, usage, cost, completeness, .. } = attempts.into_iter().next().unwrap();
        let usage = usage.unwrap_or_default();
        (outcome, usage.input_tokens, usage.output_tokens, cost.map(|cost| cost.to_string()), completeness)
    }
}

impl Observer for Books {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::AttemptFinished(attempt) => self.0.lock().unwrap().0.push((*attempt).clone()),
            Event::CallFinished(call) => self.0.lock().unwrap().1.push(call.outcome),
            _ => {}
        }
    }
}

struct House {
    clock: VirtualClock,
    a: ScriptedProvider,
    books: Books,
    client: Client,
}

/// A provider at $1 a token in and $2 a token out.
fn house(cancelling: Cancelling) -> House {
    let clock = virtual_clock();
    let a = ScriptedProvider::new("a")
        .on_clock(clock.clone())
        .with_habits(Habits::UNKNOWN.cancelling(cancelling));
    let books = Books::default();
    let prices = r#"{"models":[{"provider":"a","id":"m","input":"1000000","output":"2000000"}]}"#;
    let client =
        builder(&clock).provider(a.clone()).observer(books.clone()).prices_json(prices).build().unwrap();
    House { clock, a, books, client }
}

fn text(text: &str) -> StreamEvent {
    StreamEvent::Text(text.to_owned())
}

fn used(input: u64, output: u64) -> StreamEvent {
    StreamEvent::Usage(Box::new(Usage::of(input, output)))
}

fn finish() -> StreamEvent {
    StreamEvent::finish(None, None)
}

/// Opens a stream and drops it after `events`.
async fn drop_after(client: &Client, events: usize) {
    let mut stream = client.chat_stream(("a/m", PROMPT)).await.unwrap();
    for _ in 0..events {
        stream.next().await.unwrap().unwrap();
    }
}

#[test]
fn a_dropped_stream_is_closed_at_once_and_booked_by_what_was_sent_and_received() {
    for cancelling in [Cancelling::StopsBilling, Cancelling::Unknown] {
        let house = house(cancelling);
        house.a.then(ScriptedStep::new().events([text("12345678"), text("9")]).pause(SECOND).event(finish()));

        run(drop_after(&house.client, 2));

        assert_eq!(
            house.books.only(),
            (Outcome::Cancelled, Some(prompt_tokens()), Some(3), price(3), Completeness::Estimated)
        );
        assert_eq!((house.a.cancelled(), house.a.in_flight()), (1, 0));
        assert_eq!(house.clock.elapsed(), Duration::ZERO);
        assert_eq!(house.books.calls(), [Outcome::Cancelled]);
    }
}

#[test]
fn what_the_provider_said_before_it_was_cut_off_counts_where_it_is_more() {
    for (said, expected) in [((9, 1), (9, 3)), ((9, 50), (9, 50))] {
        let house = house(Cancelling::StopsBilling);
        house.a.then(ScriptedStep::new().events([used(said.0, said.1), text("123456789"), text("x")]).hang());

        run(drop_after(&house.client, 2));

        let (_, input, output, _, completeness) = house.books.only();
        assert_eq!((input.unwrap(), output.unwrap()), expected);
        assert_eq!(completeness, Completeness::Estimated);
    }
}

#[test]
fn where_closing_saves_nothing_the_rest_is_read_for_the_bill() {
    let house = house(Cancelling::BilledToTheEnd);
    let rest =
        ScriptedStep::new().event(text("x")).pause(SECOND * 5).events([text("y"), used(7, 11), finish()]);
    house.a.then(rest);

    run(async {
        drop_after(&house.client, 1).await;
        assert_eq!(house.books.attempts().len(), 0, "it is still being read");
        house.clock_passes(SECOND * 6).await;
    });

    assert_eq!(
        house.books.only(),
        (Outcome::Cancelled, Some(7), Some(11), Some("$29".to_owned()), Completeness::Exact)
    );
    assert_eq!((house.a.cancelled(), house.a.in_flight()), (0, 0));
}

#[test]
fn reading_for_the_bill_ends_after_a_minute_and_with_the_client() {
    let house = house(Cancelling::BilledToTheEnd);
    house.a.then(ScriptedStep::new().event(text("x")).hang());
    run(async {
        drop_after(&house.client, 1).await;
        house.clock_passes(SECOND * 61).await;
    });
    assert_eq!(house.books.only().4, Completeness::Estimated);
    assert_eq!((house.a.cancelled(), house.a.in_flight()), (1, 0));

    let House { clock, a, books, client } = self::house(Cancelling::BilledToTheEnd);
    a.then(ScriptedStep::new().event(text("x")).hang());
    run(async {
        drop_after(&client, 1).await;
        assert_eq!(a.in_flight(), 1);
        drop(client);
        tokio::task::yield_now().await;
    });
    assert_eq!(clock.elapsed(), Duration::ZERO);
    assert_eq!(books.only().4, Completeness::Estimated);
    assert_eq!((a.cancelled(), a.in_flight()), (1, 0));
}

#[test]
fn without_a_runtime_nothing_is_read_on_and_nothing_is_lost() {
    let house = house(Cancelling::BilledToTheEnd);
    house.a.then(ScriptedStep::new().event(text("x")).hang());

    let stream = run(house.client.chat_stream(("a/m", PROMPT))).unwrap();
    drop(stream);

    assert_eq!(house.books.only().4, Completeness::Estimated);
    assert_eq!(house.a.cancelled(), 1);
}

#[test]
fn a_stream_dropped_after_its_last_event_has_answered() {
    let house = house(Cancelling::BilledToTheEnd);
    house.a.then(ScriptedStep::new().events([text("x"), used(7, 11), finish()]));

    run(drop_after(&house.client, 3));

    assert_eq!(
        house.books.only(),
        (Outcome::Answered, Some(7), Some(11), Some("$29".to_owned()), Completeness::Exact)
    );
    assert_eq!(house.books.calls(), [Outcome::Answered]);
}

#[test]
fn a_dropped_call_is_booked_by_its_prompt_whenever_it_is_dropped() {
    for streamed in [false, true] {
        let house = house(Cancelling::Unknown);
        house.a.always(|| ScriptedStep::new().hang());

        run(async {
            let work = async {
                if streamed {
                    let _ = house.client.chat_stream(("a/m", PROMPT)).await;
                } else {
                    let _ = house.client.chat(("a/m", PROMPT)).await;
                }
            };
            tokio::select! {
                biased;
                () = work => {}
                () = house.clock_passes(SECOND) => {}
            }
        });

        assert_eq!(
            house.books.only(),
            (Outcome::Cancelled, Some(prompt_tokens()), Some(0), price(0), Completeness::Estimated)
        );
        assert_eq!((house.a.cancelled(), house.a.in_flight()), (1, 0));
    }
}

#[test]
fn where_all_of_an_answer_is_billed_a_dropped_call_is_booked_with_what_answers_come_to() {
    for (limit, output) in [(None, 500), (Some(20), 20)] {
        for streamed in [false, true] {
            let house = house(Cancelling::BilledToTheEnd);
            house.a.always(|| ScriptedStep::new().hang());
            let mut request = ChatRequest::from(("a/m", PROMPT));
            request.max_output_tokens = limit;

            run(async {
                let work = async {
                    if streamed {
                        let _ = house.client.chat_stream(request).await;
                    } else {
                        let _ = house.client.chat(request).await;
                    }
                };
                tokio::select! {
                    biased;
                    () = work => {}
                    () = house.clock_passes(SECOND) => {}
                }
            });

            assert_eq!(
                house.books.only(),
                (
                    Outcome::Cancelled,
                    Some(prompt_tokens()),
                    Some(output),
                    price(output),
                    Completeness::Estimated
                )
            );
        }
    }
}

#[test]
fn a_broken_stream_carries_its_text_and_what_it_came_to() {
    let house = house(Cancelling::Unknown);
    house.a.then(
        ScriptedStep::new().events([text("12345678"), text("9")]).fail(polyroute::ErrorKind::Connection),
    );

    let error = run(async {
        let mut stream = house.client.chat_stream(("a/m", PROMPT)).await.unwrap();
        loop {
            match stream.next().await.unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        }
    });

    let partial = error.partial().unwrap();
    assert_eq!(partial.message.text(), "123456789");
    assert_eq!(partial.usage, Some(Usage::of(prompt_tokens(), 3)));
    assert_eq!(error.attempts()[0].completeness, Completeness::Estimated);
    assert_eq!(error.attempts()[0].cost.map(|cost| cost.to_string()), price(3));
}

#[test]
fn an_error_before_any_work_is_not_given_a_price() {
    let house = house(Cancelling::Unknown);
    house.a.always(|| polyroute::ErrorKind::Authentication);

    let error = run(house.client.chat(("a/m", PROMPT))).unwrap_err();

    assert_eq!((error.attempts()[0].cost, error.attempts()[0].completeness), (None, Completeness::Exact));
}

impl House {
    /// Lets time pass while tasks run.
    async fn clock_passes(&self, duration: Duration) {
        use polyroute::clock::Clock as _;
        self.clock.sleep(duration).await;
        tokio::task::yield_now().await;
    }
}
