//! Undoes in an answer what was done to its request.

use std::collections::BTreeMap;

use super::fence::Fence;
use crate::types::{FinishReason, Message, Part, Reply, StreamEvent, Text};

/// What has to be undone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restore {
    /// Names of tools: as sent, and as they were.
    pub(super) names: Vec<(String, String)>,
    /// The tool whose arguments are the answer.
    pub(super) answer_tool: Option<String>,
    /// The call of that tool in the stream being read.
    answer_index: Option<usize>,
    /// Text beside that call; it is the answer only when no call comes.
    held: String,
    /// The answer is JSON that was asked for in words: a fence around it is taken off.
    pub(super) fence: Option<Fence>,
    /// What has to be undone in the further answers of the stream being read.
    others: BTreeMap<u32, Self>,
}

/// Nobody is asked for more answers at once.
const MOST_OTHERS: usize = 128;

impl Restore {
    /// Is there nothing to undo?
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.answer_tool.is_none() && self.fence.is_none()
    }

    /// Undoes it in a whole answer.
    pub(crate) fn reply(&self, reply: &mut Reply) {
        if self.is_empty() {
            return;
        }
        let alternatives = reply.alternatives.iter_mut();
        let messages = alternatives.map(|other| (&mut other.message, &mut other.finish_reason));
        for (message, finish) in messages.chain([(&mut reply.message, &mut reply.finish_reason)]) {
            if let Some(tool) = &self.answer_tool
                && message.tool_calls().any(|call| call.name == *tool)
            {
                message.parts.retain(|part| !matches!(part, Part::Text(_)));
                for part in &mut message.parts {
                    if let Part::ToolCall(call) = part {
                        *part = Part::Text(Text::new(std::mem::take(&mut call.arguments)));
                    }
                }
                finish_as_answer(finish);
            }
            if let Some(fence) = &self.fence {
                take_off(fence.clone(), message);
            }
            for part in &mut message.parts {
                if let Part::ToolCall(call) = part {
                    self.name(&mut call.name);
                }
            }
        }
    }

    /// Undoes it in an event: what is to be seen instead.
    pub(crate) fn event(&mut self, event: StreamEvent) -> Vec<StreamEvent> {
        match event {
            StreamEvent::Alternative { choice, event } => {
                if !self.others.contains_key(&choice) && self.others.len() < MOST_OTHERS {
                    let fresh = self.afresh();
                    self.others.insert(choice, fresh);
                }
                let Some(other) = self.others.get_mut(&choice) else {
                    return vec![StreamEvent::Alternative { choice, event }];
                };
                let wrap = |event| StreamEvent::Alternative { choice, event: Box::new(event) };
                other.event(*event).into_iter().map(wrap).collect()
            }
            event => {
                let held = matches!(event, StreamEvent::Finish(_)).then(|| self.rest()).flatten();
                held.into_iter().chain(self.seen(event)).collect()
            }
        }
    }

    /// The same to undo, with nothing seen yet.
    fn afresh(&self) -> Self {
        Self {
            names: self.names.clone(),
            answer_tool: self.answer_tool.clone(),
            fence: self.fence.as_ref().map(|_| Fence::default()),
            ..Self::default()
        }
    }

    /// What is still held back when the stream ends, however it does: text that stands for the answer, where the model did
    /// not call the tool, or what might have been the end of a fence.
    pub(crate) fn rest(&mut self) -> Option<StreamEvent> {
        let mut text = std::mem::take(&mut self.held);
        if self.answer_index.is_some() {
            text.clear();
        }
        if let Some(fence) = &mut self.fence {
            text.push_str(&fence.finish());
        }
        (!text.is_empty()).then_some(StreamEvent::Text(text))
    }

    fn seen(&mut self, event: StreamEvent) -> Option<StreamEvent> {
        match event {
            StreamEvent::ToolCallStart { index, name, .. } if self.answer_tool.as_ref() == Some(&name) => {
                self.answer_index = Some(index);
                None
            }
            StreamEvent::ToolCallArguments { index, delta } if self.answer_index == Some(index) => {
                Some(StreamEvent::Text(delta))
            }
            StreamEvent::Text(text) if self.answer_tool.is_some() => {
                self.held.push_str(&text);
                None
            }
            StreamEvent::Text(text) => {
                let text = match &mut self.fence {
                    Some(fence) => fence.push(text),
                    None => text,
                };
                (!text.is_empty()).then_some(StreamEvent::Text(text))
            }
            StreamEvent::PartExtra(_) if self.answer_tool.is_some() => None,
            StreamEvent::ToolCallStart { index, id, mut name } => {
                self.name(&mut name);
                Some(StreamEvent::ToolCallStart { index, id, name })
            }
            StreamEvent::Part(Part::ToolCall(mut call)) => {
                if self.answer_tool.as_ref() == Some(&call.name) {
                    self.answer_index = Some(0);
                    return Some(StreamEvent::Text(call.arguments));
                }
                self.name(&mut call.name);
                Some(StreamEvent::Part(Part::ToolCall(call)))
            }
            StreamEvent::Finish(mut finish) => {
                if self.answer_tool.is_some() {
                    finish_as_answer(&mut finish.reason);
                }
                Some(StreamEvent::Finish(finish))
            }
            event => Some(event),
        }
    }

    fn name(&self, name: &mut String) {
        if let Some((_, own)) = self.names.iter().find(|(sent, _)| sent == name) {
            own.clone_into(name);
        }
    }
}

fn take_off(mut fence: Fence, message: &mut Message) {
    let last = message.parts.iter().rposition(|part| matches!(part, Part::Text(_)));
    for (place, part) in message.parts.iter_mut().enumerate() {
        if let Part::Text(text) = part {
            text.text = fence.push(std::mem::take(&mut text.text));
            if Some(place) == last {
                text.text.push_str(&fence.finish());
            }
        }
    }
    message.parts.retain(|part| !matches!(part, Part::Text(text) if text.text.is_empty()));
}

fn finish_as_answer(reason: &mut Option<FinishReason>) {
    if *reason == Some(FinishReason::ToolCalls) {
        *reason = Some(FinishReason::Stop);
    }
}
