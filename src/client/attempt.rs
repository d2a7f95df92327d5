//! The attempt loop: send, and after a failure fail over, wait or give up. The only place where attempts are made.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use tracing::Instrument as _;

use super::call::{Begun, Consumed, RunningCall};
use super::candidates::PlannedTarget;
use super::operation::{Answer as _, Chat, Operation, Verdict};
use super::walk::Step;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};
use crate::resilience::Clocked;
use crate::types::{Reading, Reply};

/// Makes attempts until one succeeds. The successful attempt is left open for the caller to settle.
///
/// # Errors
/// The last attempt's error, once the plan, the attempts or the time are used up.
pub(super) async fn run<O: Operation>(call: &mut RunningCall, operation: &O) -> Result<Box<O::Output>> {
    let first = call.first_step().await?;
    go(call, operation, first).await
}

/// Makes further attempts of a call whose answer broke off, `first` to begin with.
///
/// # Errors
/// As [`run`].
pub(super) async fn resume<O: Operation>(
    call: &mut RunningCall,
    operation: &O,
    first: Step,
) -> Result<Box<O::Output>> {
    go(call, operation, first).await
}

async fn go<O: Operation>(call: &mut RunningCall, operation: &O, first: Step) -> Result<Box<O::Output>> {
    // Shared, so that an attempt can run while another one is recorded.
    let mut targets = Arc::clone(&call.planned.targets);
    let mut step = first;
    // An answer that was not good enough is better than none.
    let mut kept = None;
    let mut failure = None;
    loop {
        if !step.pause.is_zero() {
            tracing::debug!(
                delay_ms = u64::try_from(step.pause.as_millis()).unwrap_or(u64::MAX),
                "waiting to retry"
            );
            call.inner.clock.sleep(step.pause).await;
        }
        let place = step.place;
        let Some(permit) = call.admit(&mut step) else {
            // The target was put out of use while this call waited for it; others may serve.
            match (
                failure.as_ref().and_then(|error| call.instead(&mut step, error)),
                kept.take(),
                failure.take(),
            ) {
                (Some(next), earlier, error) => {
                    step = next;
                    kept = earlier;
                    failure = error;
                    continue;
                }
                (None, Some(earlier), _) => return Ok(earlier),
                (None, None, Some(error)) => return Err(error),
                (None, None, None) => {
                    return Err(Error::new(ErrorKind::Internal, "there was no leave for the first attempt"));
                }
            }
        };
        let (place, outcome) = match call.enter(place).await {
            Ok(()) => {
                let begun = call.begin_attempt(&mut step, permit);
                attempt(call, operation, &targets, place, &begun).await
            }
            Err(refused) => {
                drop(step.toll.take());
                (place, Err(refused))
            }
        };
        match outcome {
            Ok(mut answer) => match escalation(call, operation, &targets, place, &mut answer).await {
                None => return Ok(answer),
                Some(next) => {
                    call.answer_attempt(&answer.consumed());
                    kept = Some(answer);
                    step = next;
                }
            },
            Err(error) => {
                if let Some(next) = call.on_the_usual_tier(place, &error) {
                    targets = Arc::clone(&call.planned.targets);
                    step = next;
                    failure = Some(error);
                    continue;
                }
                note_failure(call, place, &error);
                match (call.next_step(&error), kept.take()) {
                    (Some(next), earlier) => {
                        step = next;
                        kept = earlier;
                        failure = Some(error);
                    }
                    (None, Some(earlier)) => return Ok(earlier),
                    (None, None) => return Err(error),
                }
            }
        }
    }
}

/// Makes the attempt that has `begun` at `place`, and perhaps a second one beside it. Returns what came of the one that ended
/// last, and where; the other has been accounted.
async fn attempt<O: Operation>(
    call: &mut RunningCall,
    operation: &O,
    targets: &[PlannedTarget],
    place: usize,
    begun: &Begun,
) -> (usize, Result<Box<O::Output>>) {
    let clock = Arc::clone(&call.inner.clock);
    let hedge_after = O::hedged_by().and_then(|of| call.hedge_after(place, of));
    // It stays where it is: an attempt is large, and most have no other beside them.
    let target = targets.get(place);
    let mut first = pin!(leg(operation, &*clock, target, begun, Bounds::of::<O>(call, target)));
    let early = match hedge_after {
        None => Some(first.as_mut().await),
        Some(delay) => match select(first.as_mut(), clock.sleep(delay)).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(((), _)) => None,
        },
    };
    let (place, outcome) = match early {
        Some(outcome) => (place, outcome),
        None => Box::pin(hedged(call, operation, targets, place, first)).await,
    };
    if let Ok(answer) = &outcome {
        call.note_answer(place, &**answer);
    }
    (place, outcome)
}

/// How long one attempt may take.
#[derive(Clone, Copy)]
struct Bounds {
    limit: Duration,
    phase: TimeoutPhase,
    remaining: Duration,
}

impl Bounds {
    /// Those of the attempt that began last, at `target`. An answer that is read is waited for to its end.
    fn of<O: Operation>(call: &RunningCall, target: Option<&PlannedTarget>) -> Self {
        let (limit, phase) = match target.map(|target| target.reading) {
            Some(Reading::Reviewed) => Chat::limit(call.limits()),
            _ => O::limit(call.limits()),
        };
        Self { limit, phase, remaining: call.remaining() }
    }
}

/// One attempt, to its answer, its error or its limit. Answers are large and are handed up from here through several futures,
/// so they are boxed.
async fn leg<O: Operation>(
    operation: &O,
    clock: &dyn Clock,
    target: Option<&PlannedTarget>,
    begun: &Begun,
    bounds: Bounds,
) -> Result<Box<O::Output>> {
    let Some(target) = target else {
        return Err(Error::new(ErrorKind::Internal, "the plan has no such target"));
    };
    let Bounds { limit, phase, remaining } = bounds;
    let started = operation.start(target, begun.key, &begun.meter).instrument(begun.span.clone());
    let error = match within(clock, limit.min(remaining), started).await {
        Some(Ok(answer)) => return Ok(Box::new(answer)),
        Some(Err(error)) => error,
        None if remaining <= limit => RunningCall::deadline_exceeded(),
        None => Error::timeout(phase, limit),
    };
    let error = error.with_target(target.target.clone());
    match begun.meter.take() {
        Some(usage) if error.partial().is_none() => {
            Err(error.with_partial(Reply::empty().with_usage(*usage)))
        }
        _ => Err(error),
    }
}

/// Makes a second attempt beside `first`, which has taken too long, if there is leave. The first answer is taken; the other
/// attempt is accounted, and dropped as soon as this has returned, which closes its connection.
async fn hedged<O: Operation>(
    call: &mut RunningCall,
    operation: &O,
    targets: &[PlannedTarget],
    place: usize,
    mut first: Pin<&mut (impl Future<Output = Result<Box<O::Output>>> + Send)>,
) -> (usize, Result<Box<O::Output>>) {
    let clock = Arc::clone(&call.inner.clock);
    let Some(mut step) = call.hedge(place) else { return (place, first.await) };
    let other = step.place;
    // The store that is asked for room may take its time, which is none of the first attempt's.
    let entered = match select(first.as_mut(), pin!(call.enter(other))).await {
        Either::Left((outcome, _)) => Either::Left(outcome),
        Either::Right((entered, _)) => Either::Right(entered),
    };
    let leave = match &entered {
        Either::Right(Ok(())) => call.admit(&mut step),
        Either::Right(Err(_)) | Either::Left(_) => None,
    };
    let Some(permit) = leave else {
        call.take_back_hedge(other);
        return match entered {
            Either::Left(outcome) => (place, outcome),
            Either::Right(_) => (place, first.await),
        };
    };
    let begun = call.begin_attempt(&mut step, permit);
    let target = targets.get(other);
    let second = pin!(leg(operation, &*clock, target, &begun, Bounds::of::<O>(call, target)));
    let (won, lost) = match select(first, second).await {
        Either::Left((Ok(answer), _)) => ((place, Ok(answer)), other),
        Either::Right((Ok(answer), _)) => ((other, Ok(answer)), place),
        Either::Left((Err(error), second)) => {
            note_failure(call, place, &error);
            return (other, second.await);
        }
        Either::Right((Err(error), first)) => {
            note_failure(call, other, &error);
            return (place, first.await);
        }
    };
    call.overtake_attempt_at(lost, O::hedged_by().unwrap_or(Clocked::Answer));
    call.note_lost(lost);
    won
}

fn note_failure(call: &mut RunningCall, place: usize, error: &Error) {
    let failed = call.fail_attempt_at(place, error, &Consumed::default());
    call.note_failure(place, error, failed);
}

/// Where to ask again although an answer came; `None` when it is good enough, or there is nobody else to ask.
async fn escalation<O: Operation>(
    call: &mut RunningCall,
    operation: &O,
    targets: &[PlannedTarget],
    place: usize,
    answer: &mut O::Output,
) -> Option<Step> {
    let judging = operation.judge(call, targets.get(place)?, answer)?;
    match judging.await {
        Verdict::Good => None,
        Verdict::Escalate { reason } => {
            let next = call.escalate(place)?;
            tracing::debug!(%reason, "asking another target for a better answer");
            Some(next)
        }
    }
}

/// The outcome of `work`, or `None` when `limit` passed first; `work` is then dropped.
pub(super) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T> + Send,
) -> Option<T> {
    if limit.is_zero() {
        return None;
    }
    match select(pin!(work), clock.sleep(limit)).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(((), _)) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::Client;
    use super::super::candidates;
    use super::super::operation::{Attempting, Judging, Meter};
    use super::*;
    use crate::resilience::{RetryPolicy, Timeouts};
    use crate::routing::Route;
    use crate::testing::{ScriptedProvider, VirtualClock};
    use crate::types::{CallSummary, ChatRequest, Usage};

    /// Wants better answers than "weak" ones.
    struct Picky<'r>(Chat<'r>);

    impl Operation for Picky<'_> {
        type Output = Reply;

        fn start<'a>(
            &'a self,
            target: &'a PlannedTarget,
            key: usize,
            meter: &'a Meter,
        ) -> Attempting<'a, Reply> {
            self.0.start(target, key, meter)
        }

        fn judge<'a>(
            &'a self,
            _: &'a RunningCall,
            _: &'a PlannedTarget,
            answer: &'a mut Reply,
        ) -> Option<Judging<'a>> {
            let weak = answer.message.text() == "weak";
            let verdict = if weak { Verdict::Escalate { reason: "weak".into() } } else { Verdict::Good };
            Some(Box::pin(async move { verdict }))
        }

        fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
            Chat::limit(timeouts)
        }
    }

    fn ask(attempts: u32, scripts: &[&ScriptedProvider]) -> Result<(String, CallSummary)> {
        let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
        let mut builder = Client::builder()
            .clock(clock)
            .seed(7)
            .retry(RetryPolicy::default().max_attempts(attempts))
            .prices_json(
                r#"{"models":[{"provider":"a","id":"m","input":"1","output":"1"},
                {"provider":"b","id":"m","input":"1","output":"1"}]}"#,
            );
        for script in scripts {
            builder = builder.provider((*script).clone());
        }
        let client = builder.route("r", Route::ordered(["a/m", "b/m"])).build().unwrap();
        let request = ChatRequest::from(("r", "?"));
        let inner = &client.inner;
        let planned = candidates::plan(inner, "r", &candidates::chat_facts(inner, &request)).unwrap();
        let mut call = RunningCall::begin(inner, "chat", "r", planned, Duration::from_secs(60));
        let ran = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(run(&mut call, &Picky(Chat(&request))));
        match ran {
            Ok(reply) => {
                let cost = call.answer_attempt(&reply.consumed());
                Ok((reply.message.text(), call.succeed(cost, Vec::new())))
            }
            Err(error) => Err(call.fail(error)),
        }
    }

    fn provider(name: &str, answer: &str) -> ScriptedProvider {
        ScriptedProvider::new(name).then(Reply::text(answer).with_usage(Usage::of(1_000_000, 0)))
    }

    fn reasons(summary: &CallSummary) -> Vec<(&str, &str, &str)> {
        let attempts = summary.attempts.iter();
        attempts.map(|made| (made.target.provider(), made.reason.as_str(), made.outcome.as_str())).collect()
    }

    #[test]
    fn an_answer_that_is_not_good_enough_is_paid_for_and_another_target_asked() {
        let (a, b) = (provider("a", "weak"), provider("b", "strong"));

        let (text, summary) = ask(3, &[&a, &b]).unwrap();

        assert_eq!((&*text, summary.target.provider()), ("strong", "b"));
        assert_eq!(reasons(&summary), [("a", "first", "answered"), ("b", "escalation", "answered")]);
        assert_eq!(summary.total_cost().unwrap().to_string(), "$2");
        assert_eq!(summary.cost.unwrap().total.to_string(), "$1");
    }

    #[test]
    fn an_answer_that_is_not_good_enough_is_better_than_none() {
        let (a, b) = (provider("a", "weak"), ScriptedProvider::new("b").then(ErrorKind::Authentication));

        let (text, summary) = ask(3, &[&a, &b]).unwrap();

        assert_eq!((&*text, summary.target.provider()), ("weak", "a"));
        assert_eq!(reasons(&summary), [("a", "first", "answered"), ("b", "escalation", "authentication")]);
        assert_eq!(summary.total_cost().unwrap().to_string(), "$1");
    }

    #[test]
    fn escalations_are_attempts_of_the_same_budget() {
        let (a, b) = (provider("a", "weak"), provider("b", "strong"));

        let (text, summary) = ask(1, &[&a, &b]).unwrap();

        assert_eq!((&*text, reasons(&summary)), ("weak", vec![("a", "first", "answered")]));
        assert!(b.calls().is_empty());
        let (first, b) = (ScriptedProvider::new("a").then(ErrorKind::Server), provider("b", "weak"));
        let (text, summary) = ask(2, &[&first, &b]).unwrap();
        assert_eq!((&*text, summary.target.provider(), summary.attempts.len()), ("weak", "b", 2));
    }
}
