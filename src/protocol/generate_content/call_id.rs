//! Ids for function calls that came without one.
//!
//! The vendor matches results by name and order where a call has no id, and other vendors insist on ids that are unique
//! in the whole conversation. So an id is made up from the answer's own id, and never sent back here.

/// An id for call `index` of choice `choice` of the answer `answer`.
///
/// Letters, digits and dashes, at most 40 characters: what every vendor accepts.
pub(super) fn made_up(choice: u32, index: usize, answer: Option<&str>) -> String {
    let mut id = if choice == 0 { format!("{PREFIX}{index}") } else { format!("{PREFIX}{choice}x{index}") };
    if let Some(answer) = answer {
        id.push('-');
        id.extend(answer.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        id.truncate(40);
    }
    id
}

/// The id as the vendor gave it; `None` for one made up here.
pub(super) fn genuine(id: &str) -> Option<&str> {
    (!id.is_empty() && !id.starts_with(PREFIX)).then_some(id)
}

const PREFIX: &str = "noid-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_id_is_short_plain_and_recognised() {
        let long = "x".repeat(100) + "é/";

        for id in [made_up(0, 0, None), made_up(3, 12, Some("a/b c_D-1")), made_up(0, 1, Some(&long))] {
            assert!(id.len() <= 40, "{id}");
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), "{id}");
            assert_eq!(genuine(&id), None);
        }
        assert_ne!(made_up(0, 0, Some("a")), made_up(0, 0, Some("b")));
        assert_eq!(genuine("call_1"), Some("call_1"));
    }
}
