//! Streams that break, drip and throttle.

use polyroute::error::TimeoutPhase;
use polyroute::testing::ScriptedStep;
use polyroute::types::Completeness;
use polyroute::{ErrorKind, Result, StreamEvent};

use crate::town::{SECOND, Town, finish, text};

#[test]
fn s06_a_stream_cut_after_twenty_pieces_is_an_error_with_the_twenty_and_their_estimate() {
    let town = Town::new();
    town.a.then(ScriptedStep::new().events((0..20).map(|_| text("four"))).fail(ErrorKind::Connection));

    let (given, error) = town.run(async {
        let mut stream = town.client.chat_stream(("both", "hi")).await.unwrap();
        let mut given = 0;
        loop {
            match stream.next().await.unwrap() {
                Ok(StreamEvent::Text(_)) => given += 1,
                Ok(event) => unreachable!("{event:?}"),
                Err(error) => break (given, error),
            }
        }
    });

    assert_eq!(given, 20);
    let partial = error.partial().unwrap();
    assert_eq!(partial.message.text(), "four".repeat(20));
    assert_eq!(partial.usage.as_ref().unwrap().output_tokens, Some(20));
    assert_eq!(error.attempts()[0].completeness, Completeness::Estimated);
    assert!(town.b.calls().is_empty());
}

#[test]
fn s07_a_drip_of_one_byte_every_29_seconds_survives_and_every_31_fails() {
    for (pause, survives) in [(29, true), (31, false)] {
        let town = Town::new();
        let drip = |step: ScriptedStep, _| step.pause(SECOND * pause).event(text("x"));
        town.a.then((0..19).fold(ScriptedStep::new().event(text("x")), drip).event(finish()));

        let outcome: Result<_> =
            town.run(async { town.client.chat_stream(("both", "hi")).await?.into_response().await });

        let health = town.client.health().into_iter().find(|health| health.target.provider() == "a").unwrap();
        match outcome {
            // Nineteen pauses, which together are within the total time of 600 s.
            Ok(answer) => {
                assert!(survives && answer.text() == "x".repeat(20), "every {pause} s");
                assert_eq!((town.clock.elapsed(), health.failures), (19 * 29 * SECOND, 0));
            }
            Err(error) => {
                assert!(!survives, "every {pause} s: {error}");
                assert_eq!(error.timeout_phase(), Some(TimeoutPhase::Idle));
                assert_eq!(error.partial().unwrap().message.text(), "x");
                assert_eq!((town.clock.elapsed(), health.failures), (30 * SECOND, 1));
            }
        }
        assert_eq!((town.a.in_flight(), town.clock.pending()), (0, 0));
        assert!(town.b.calls().is_empty(), "the answer had begun");
    }
}
