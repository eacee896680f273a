//! The order in which visible messages are handed out.
//!
//! One line per message group and a turn for each line that is not empty: a group
//! with a backlog of a million waits for one message of each other group, and a
//! quiet group never waits behind the backlog. Messages without a group share a line.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

type Group = Option<Arc<str>>;

#[derive(Debug, Default)]
pub(crate) struct FairOrder {
    /// Each group with a line appears here exactly once.
    turns: VecDeque<Group>,
    lines: HashMap<Group, VecDeque<u64>>,
}

impl FairOrder {
    pub(crate) fn push(&mut self, group: &Group, message: u64) {
        if let Some(line) = self.lines.get_mut(group) {
            line.push_back(message);
            return;
        }
        self.turns.push_back(group.clone());
        self.lines.insert(group.clone(), VecDeque::from([message]));
    }

    pub(crate) fn pop(&mut self) -> Option<u64> {
        let group = self.turns.pop_front()?;
        let line = self.lines.get_mut(&group)?;
        let message = line.pop_front();
        if line.is_empty() {
            self.lines.remove(&group);
        } else {
            self.turns.push_back(group);
        }
        message
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.turns.clear();
        self.lines.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_group_never_waits_behind_a_backlog() {
        let mut order = FairOrder::default();
        let loud: Group = Some("loud".into());
        for message in 0..1_000 {
            order.push(&loud, message);
        }
        order.push(&Some("quiet".into()), 1_000);
        order.push(&None, 1_001);

        let handed: Vec<u64> = std::iter::from_fn(|| order.pop()).collect();

        assert_eq!(handed[..4], [0, 1_000, 1_001, 1]);
        assert_eq!(handed.len(), 1_002);
        assert!(order.is_empty());
    }
}
