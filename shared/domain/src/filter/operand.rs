//! What stands after an operator, read with the position it stands at.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Number;

use super::FilterError;
use super::condition::Test;
use super::node::Node;
use super::number::Range;
use super::text::{Folded, Sought, Wildcard};

/// A JSON pointer, RFC 6901.
#[derive(Debug, Default)]
pub(super) struct Position(String);

impl Position {
    pub(super) fn at(&self, token: &str) -> Self {
        // RFC 6901 §3: `~` first, or the escape of `/` would be escaped again.
        let token = token.replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{token}", self.0))
    }

    pub(super) fn pointer(&self) -> &str {
        &self.0
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    pub(super) fn wrong(&self, rule: &'static str, message: impl Into<String>) -> FilterError {
        FilterError {
            pointer: self.0.clone(),
            rule,
            message: message.into(),
        }
    }
}

/// The test for a plain value; `None` for lists and objects.
pub(super) fn value(node: &Node) -> Option<Test> {
    match node {
        Node::Null => Some(Test::Null),
        Node::Bool(value) => Some(Test::Bool(*value)),
        Node::Number(value) => Some(Test::Number(value.clone())),
        Node::Text(value) => Some(Test::Text(value.clone())),
        Node::List(_) | Node::Object(_) => None,
    }
}

/// An object with one key, the operator.
pub(super) fn operation<'n>(
    node: &'n Node,
    position: &Position,
) -> Result<(&'n str, &'n Node, Position), FilterError> {
    let Node::Object(entries) = node else {
        return Err(position.wrong("type", "must be a value or an operator, not a list"));
    };
    let [(operator, operand)] = entries.as_slice() else {
        return Err(position.wrong("count", "must hold exactly one operator"));
    };
    Ok((operator, operand, position.at(operator)))
}

pub(super) type Read = fn(&Node, &Position) -> Result<Test, FilterError>;

/// How to read the operand of an operator that may stand alone or inside `anything-but`.
pub(super) fn plain(operator: &str) -> Option<Read> {
    match operator {
        "equals-ignore-case" => {
            Some(|node, position| Ok(Test::AnyCase(Folded::new(&text(node, position)?))))
        }
        "wildcard" => Some(|node, position| {
            let wildcard = Wildcard::parse(&text(node, position)?);
            let wildcard = wildcard.ok_or_else(|| position.wrong("format", Wildcard::RULE))?;
            Ok(Test::Like(wildcard))
        }),
        _ => None,
    }
}

/// How to read the operand of an operator inside `anything-but`.
pub(super) fn negatable(operator: &str, position: &Position) -> Result<Read, FilterError> {
    let read: Option<Read> = match operator {
        "prefix" => Some(|node, position| Ok(Test::Begins(Sought::Exactly(text(node, position)?)))),
        "suffix" => Some(|node, position| Ok(Test::Ends(Sought::Exactly(text(node, position)?)))),
        operator => plain(operator),
    };
    let message = "must be prefix, suffix, equals-ignore-case or wildcard";
    read.ok_or_else(|| position.wrong("unknown", message))
}

pub(super) fn text(node: &Node, position: &Position) -> Result<String, FilterError> {
    if let Node::Text(text) = node {
        Ok(text.clone())
    } else {
        Err(position.wrong("type", "must be a text"))
    }
}

/// A text, or `{"equals-ignore-case": <text>}`.
pub(super) fn sought(node: &Node, position: &Position) -> Result<Sought, FilterError> {
    if let Node::Object(_) = node {
        let (operator, operand, position) = operation(node, position)?;
        if operator != "equals-ignore-case" {
            return Err(position.wrong("unknown", "only equals-ignore-case can stand here"));
        }
        return Ok(Sought::AnyCase(Folded::new(&text(operand, &position)?)));
    }
    Ok(Sought::Exactly(text(node, position)?))
}

pub(super) fn block(node: &Node, position: &Position) -> Result<IpNet, FilterError> {
    let text = text(node, position)?;
    // An address alone is a block of one.
    let block = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    block.map_err(|_| {
        position.wrong(
            "format",
            "must be an IPv4 or IPv6 block, e.g. 10.0.0.0/8, or an address",
        )
    })
}

/// `[">", 0, "<=", 5]`, one bound alone, or `["=", 5]`.
pub(super) fn range(node: &Node, position: &Position) -> Result<Range, FilterError> {
    const SHAPE: &str = "must be one or two comparisons, e.g. [\">=\", 0, \"<\", 10]";
    let Node::List(parts) = node else {
        return Err(position.wrong("type", SHAPE));
    };
    let (pairs, rest) = parts.as_chunks::<2>();
    if !rest.is_empty() || !(1..=2).contains(&pairs.len()) {
        return Err(position.wrong("count", SHAPE));
    }
    let mut range = Range {
        lower: None,
        upper: None,
    };
    for (index, [comparison, bound]) in pairs.iter().enumerate() {
        let at = position.index(2 * index);
        let bound = number(bound, &position.index(2 * index + 1))?;
        let Node::Text(comparison) = comparison else {
            return Err(at.wrong("type", "must be one of =, <, <=, > and >="));
        };
        let (lower, upper) = match comparison.as_str() {
            "=" => (Some((bound.clone(), true)), Some((bound, true))),
            ">" => (Some((bound, false)), None),
            ">=" => (Some((bound, true)), None),
            "<" => (None, Some((bound, false))),
            "<=" => (None, Some((bound, true))),
            _ => return Err(at.wrong("unknown", "must be one of =, <, <=, > and >=")),
        };
        let twice = |known: &Option<_>, new: &Option<_>| known.is_some() && new.is_some();
        if twice(&range.lower, &lower) || twice(&range.upper, &upper) {
            return Err(at.wrong("duplicate", "bounds a side that is bounded already"));
        }
        range.lower = range.lower.or(lower);
        range.upper = range.upper.or(upper);
    }
    if range.is_empty() {
        return Err(position.wrong("range", "no number is within"));
    }
    Ok(range)
}

fn number(node: &Node, position: &Position) -> Result<Number, FilterError> {
    if let Node::Number(number) = node {
        Ok(number.clone())
    } else {
        Err(position.wrong("type", "must be a number"))
    }
}
