//! Undoes in an answer what was done to its request.

use crate::types::{FinishReason, Part, Reply, StreamEvent, Text};

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
}

impl Restore {
    /// Is there nothing to undo?
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.answer_tool.is_none()
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
            for part in &mut message.parts {
                if let Part::ToolCall(call) = part {
                    self.name(&mut call.name);
                }
            }
        }
    }

    /// Undoes it in an event: what is to be seen instead.
    pub(crate) fn event(&mut self, event: StreamEvent) -> Vec<StreamEvent> {
        let held = matches!(event, StreamEvent::Finish(_)).then(|| self.take_held()).flatten();
        held.into_iter().chain(self.seen(event)).collect()
    }

    /// The text that stands for the answer, where the model did not call the tool.
    fn take_held(&mut self) -> Option<StreamEvent> {
        let text = std::mem::take(&mut self.held);
        (self.answer_index.is_none() && !text.is_empty()).then_some(StreamEvent::Text(text))
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
            StreamEvent::Alternative { choice, event } => {
                let event = Box::new(self.clone().seen(*event)?);
                Some(StreamEvent::Alternative { choice, event })
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

fn finish_as_answer(reason: &mut Option<FinishReason>) {
    if *reason == Some(FinishReason::ToolCalls) {
        *reason = Some(FinishReason::Stop);
    }
}
