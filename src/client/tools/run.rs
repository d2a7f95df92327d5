//! The loop: ask, run what was asked for, ask again.

use std::fmt;
use std::time::{Duration, Instant};

use futures::future::{Either, join_all, select};

use super::Toolbox;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{ChatRequest, ChatResponse, FinishReason, Message, ToolCall, ToolChoice, ToolResult, Usd};

/// How far a [`ToolRun`] may go.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolLimits {
    /// Most answers to ask for, the final one included. 10 unless set: an agent that needs more usually runs in a circle.
    pub rounds: u32,
    /// Most time for all rounds and functions together. Without a limit unless set.
    pub time: Option<Duration>,
    /// No further round begins once the answers have cost this much; the last one may cross it. Without a limit unless set.
    pub cost: Option<Usd>,
}

impl Default for ToolLimits {
    fn default() -> Self {
        Self { rounds: 10, time: None, cost: None }
    }
}

impl ToolLimits {
    /// Ten rounds, any time, any cost.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the most answers to ask for, the final one included; 0 counts as 1.
    #[must_use]
    pub fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// Sets the most time for everything together.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets what the answers may cost before no further one is asked for; what failed calls are known to have cost counts as
    /// well. An answer whose cost is unknown ends the run then, because the limit could not be kept.
    #[must_use]
    pub fn cost(mut self, cost: Usd) -> Self {
        self.cost = Some(cost);
        self
    }
}

/// Why a [`ToolRun`] ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolStop {
    /// The model answered without asking for a tool.
    Answered,
    /// The answer asks for tools but was cut off by its length or by a filter: what it asks for may be half of what it meant,
    /// so that nothing was run.
    CutOff,
    /// The model asked for a tool of the request that is not in the box: its calls are the application's to run.
    NotInBox,
    /// [`ToolLimits::rounds`].
    Rounds,
    /// [`ToolLimits::time`].
    Time,
    /// [`ToolLimits::cost`].
    Cost,
    /// There is a limit to the cost and an answer whose cost is unknown.
    CostUnknown,
}

/// One round: an answer, and the results of the tools it asked for.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ToolStep {
    /// The answer.
    pub response: ChatResponse,
    /// One result for each call of the answer, in the order of the calls; empty when nothing was run.
    pub results: Vec<ToolResult>,
    /// From asking to the last result.
    pub elapsed: Duration,
}

/// A conversation that goes on by itself while the model asks for tools. Made by [`Client::tool_run`].
///
/// [`next`](Self::next) goes one round at a time; [`finish`](Self::finish) goes to the end. Dropping a future of either
/// cancels the round; the run can then be continued and asks again.
pub struct ToolRun<'a> {
    client: Client,
    tools: &'a Toolbox,
    limits: ToolLimits,
    request: ChatRequest,
    steps: Vec<ToolStep>,
    started: Instant,
    spent: Option<Usd>,
    stop: Option<ToolStop>,
}

impl<'a> ToolRun<'a> {
    pub(in crate::client) fn new(client: &Client, mut request: ChatRequest, tools: &'a Toolbox) -> Self {
        let offered = tools.tools().filter(|tool| request.tools.iter().all(|own| own.name != tool.name));
        let offered: Vec<_> = offered.cloned().collect();
        request.tools.extend(offered);
        Self {
            client: client.clone(),
            tools,
            limits: ToolLimits::default(),
            request,
            steps: Vec::new(),
            started: client.inner.clock.now(),
            spent: Some(Usd::ZERO),
            stop: None,
        }
    }

    /// Sets how far it may go.
    #[must_use]
    pub fn limits(mut self, limits: ToolLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Goes one round: asks, and runs the tools the answer asks for, all at the same time. `None` when the run has ended;
    /// [`stop`](Self::stop) then says why.
    ///
    /// # Errors
    /// Those of [`Client::chat`]. The run has not moved but for what the failed call cost, and may be continued; the failures of functions are no errors, the
    /// model reads them.
    pub async fn next(&mut self) -> Result<Option<&ToolStep>> {
        if self.stop.is_some() {
            return Ok(None);
        }
        let begun = self.client.inner.clock.now();
        let Some(response) = self.ask().await? else { return Ok(None) };
        let calls: Vec<ToolCall> = response.tool_calls().cloned().collect();
        self.stop = self.stop_after(&response, &calls);
        let results = if self.stop.is_none() { self.run(&calls).await } else { Vec::new() };
        if self.stop.is_none() {
            self.request.messages.push(response.message().clone());
            if !results.is_empty() {
                self.request.messages.push(Message::tool_results(results.iter().cloned()));
            }
            // A model that must call a tool in every turn would never answer.
            self.request.tool_choice = self
                .request
                .tool_choice
                .take()
                .filter(|choice| matches!(choice, ToolChoice::Auto | ToolChoice::None));
        }
        let elapsed = self.client.inner.clock.now().saturating_duration_since(begun);
        self.steps.push(ToolStep { response, results, elapsed });
        Ok(self.steps.last())
    }

    /// Goes to the end and returns the last answer.
    ///
    /// # Errors
    /// Those of [`Client::chat`]; [`ErrorKind::DeadlineExceeded`] when the time, [`ErrorKind::BudgetExceeded`] when the money
    /// ran out before the first answer.
    pub async fn finish(&mut self) -> Result<&ChatResponse> {
        while self.next().await?.is_some() {}
        let (kind, what) = match self.stop {
            Some(ToolStop::Cost) => (ErrorKind::BudgetExceeded, "cost limit"),
            _ => (ErrorKind::DeadlineExceeded, "time"),
        };
        let none = || Error::new(kind, format!("the {what} of the run was used up before the first answer"));
        self.steps.last().map(|step| &step.response).ok_or_else(none)
    }

    /// Every round so far, oldest first.
    pub fn steps(&self) -> &[ToolStep] {
        &self.steps
    }

    /// Why it ended; `None` while it has not.
    pub fn stop(&self) -> Option<ToolStop> {
        self.stop
    }

    /// What all answers cost together, failed attempts and failed calls included as far as their providers reported it;
    /// `None` when the cost of an answer is unknown.
    pub fn cost(&self) -> Option<Usd> {
        self.spent
    }

    /// The conversation as it would be sent next: to go on with after the end, append the last answer's message.
    pub fn request(&self) -> &ChatRequest {
        &self.request
    }

    async fn ask(&mut self) -> Result<Option<ChatResponse>> {
        if let (Some(limit), Some(spent)) = (self.limits.cost, self.spent)
            && spent >= limit
        {
            self.stop = Some(ToolStop::Cost);
            return Ok(None);
        }
        let mut request = self.request.clone();
        if let Some(left) = self.left() {
            if left.is_zero() {
                self.stop = Some(ToolStop::Time);
                return Ok(None);
            }
            request.timeout = Some(request.timeout.map_or(left, |own| own.min(left)));
        }
        let answered = self.client.chat(request).await;
        if let (Some(spent), Err(error)) = (&mut self.spent, &answered) {
            let lost = error.attempts().iter().filter_map(|attempt| attempt.cost).sum();
            *spent = spent.saturating_add(lost);
        }
        match answered {
            Ok(response) => {
                self.spent = match (self.spent, response.summary.total_cost()) {
                    (Some(spent), Some(cost)) => Some(spent.saturating_add(cost)),
                    _ => None,
                };
                Ok(Some(response))
            }
            Err(error)
                if error.kind() == ErrorKind::DeadlineExceeded && self.left() == Some(Duration::ZERO) =>
            {
                self.stop = Some(ToolStop::Time);
                if self.steps.is_empty() { Err(error) } else { Ok(None) }
            }
            Err(error) => Err(error),
        }
    }

    fn stop_after(&self, response: &ChatResponse, calls: &[ToolCall]) -> Option<ToolStop> {
        // Anthropic cuts long turns of its built-in tools; they go on when the answer is sent back:
        // https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons (read 2026-11-25).
        let is_paused = response.reply.finish_reason_raw.as_deref() == Some("pause_turn");
        let is_foreign = |call: &ToolCall| {
            !self.tools.has(&call.name) && self.request.tools.iter().any(|tool| tool.name == call.name)
        };
        let rounds = u32::try_from(self.steps.len()).unwrap_or(u32::MAX).saturating_add(1);
        if calls.is_empty() && !is_paused {
            Some(ToolStop::Answered)
        } else if matches!(
            response.reply.finish_reason,
            Some(FinishReason::Length | FinishReason::ContentFilter)
        ) {
            Some(ToolStop::CutOff)
        } else if calls.iter().any(is_foreign) {
            Some(ToolStop::NotInBox)
        } else if rounds >= self.limits.rounds {
            Some(ToolStop::Rounds)
        } else {
            match (self.limits.cost, self.spent) {
                (None, _) => None,
                (Some(_), None) => Some(ToolStop::CostUnknown),
                (Some(limit), Some(spent)) => (spent >= limit).then_some(ToolStop::Cost),
            }
        }
    }

    async fn run(&mut self, calls: &[ToolCall]) -> Vec<ToolResult> {
        let work = join_all(calls.iter().map(|call| self.tools.run(call)));
        let Some(left) = self.left() else { return work.await };
        let clock = &self.client.inner.clock;
        match select(std::pin::pin!(work), clock.sleep(left)).await {
            Either::Left((results, _)) => results,
            Either::Right(((), _)) => {
                self.stop = Some(ToolStop::Time);
                Vec::new()
            }
        }
    }

    /// What is left of the time; `None` without a limit.
    fn left(&self) -> Option<Duration> {
        let elapsed = self.client.inner.clock.now().saturating_duration_since(self.started);
        Some(self.limits.time?.saturating_sub(elapsed))
    }
}

impl fmt::Debug for ToolRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolRun")
            .field("tools", self.tools)
            .field("limits", &self.limits)
            .field("steps", &self.steps.len())
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}
