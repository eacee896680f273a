//! From JSON text to a filter, or to the position of the first mistake.

use std::collections::HashSet;

use super::condition::{Condition, Test};
use super::node::Node;
use super::operand::{Position, block, negatable, operation, plain, range, sought, value};
use super::{All, Field, Filter, FilterError, MAX_BYTES, MAX_CONDITIONS, MAX_DEPTH};

/// The fields of a webhook's body.
const FIELDS: &[&str] = &["event", "id", "networkId", "timestamp", "version", "data"];

const OR: &str = "$or";

pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let whole = Position::default();
    if text.len() > MAX_BYTES {
        return Err(whole.wrong("too_long", format!("must have at most {MAX_BYTES} bytes")));
    }
    let node: Node = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        whole.wrong(
            "json",
            format!("is not JSON from line {line}, column {column} on"),
        )
    })?;
    let mut parser = Parser::default();
    let root = parser.all(&node, &whole, 1)?;
    check_root(&root, &whole)?;
    Ok(Filter {
        // A tree of texts and finite numbers; writing it cannot fail.
        text: serde_json::to_string(&node).unwrap_or_default(),
        root,
        absences: parser.absences,
    })
}

/// A filter on a field that no event has would match nothing, or everything, for ever.
fn check_root(all: &All, position: &Position) -> Result<(), FilterError> {
    for (name, field) in &all.fields {
        let position = position.at(name);
        match (name.as_str(), field) {
            ("data", Field::Inside(_)) => {}
            ("data", Field::AnyOf(_)) => {
                let message = "must be an object: data always is one";
                return Err(position.wrong("type", message));
            }
            (name, _) if !FIELDS.contains(&name) => {
                let message = format!("no event has this field; use {}", FIELDS.join(", "));
                return Err(position.wrong("unknown", message));
            }
            (_, Field::Inside(_)) => {
                let message = "must be a list: this field always holds a text";
                return Err(position.wrong("type", message));
            }
            (_, Field::AnyOf(_)) => {}
        }
    }
    let either = position.at(OR);
    for (index, all) in all.either.iter().enumerate() {
        check_root(all, &either.index(index))?;
    }
    Ok(())
}

#[derive(Default)]
struct Parser {
    conditions: usize,
    /// The field of the event being looked at.
    path: Vec<String>,
    absences: Vec<Vec<String>>,
}

impl Parser {
    fn all(&mut self, node: &Node, position: &Position, depth: usize) -> Result<All, FilterError> {
        let Node::Object(entries) = node else {
            return Err(position.wrong("type", "must be an object of fields"));
        };
        if entries.is_empty() {
            return Err(position.wrong("empty", "must name at least one field"));
        }
        if depth > MAX_DEPTH {
            let message = format!("must not have more than {MAX_DEPTH} objects inside each other");
            return Err(position.wrong("too_deep", message));
        }
        let mut all = All {
            fields: Vec::new(),
            either: Vec::new(),
        };
        let mut seen = HashSet::new();
        for (name, value) in entries {
            let position = position.at(name);
            if !seen.insert(name) {
                return Err(position.wrong("duplicate", "is named twice"));
            }
            if name == OR {
                all.either = self.either(value, &position, depth)?;
            } else {
                self.path.push(name.clone());
                let field = self.field(value, &position, depth)?;
                self.path.pop();
                all.fields.push((name.clone(), field));
            }
        }
        Ok(all)
    }

    fn either(
        &mut self,
        node: &Node,
        position: &Position,
        depth: usize,
    ) -> Result<Vec<All>, FilterError> {
        let Node::List(alternatives) = node else {
            return Err(position.wrong("type", "must be a list of objects"));
        };
        if alternatives.len() < 2 {
            return Err(position.wrong("count", "must hold at least two objects"));
        }
        let each = alternatives.iter().enumerate();
        each.map(|(index, node)| self.all(node, &position.index(index), depth + 1))
            .collect()
    }

    fn field(
        &mut self,
        node: &Node,
        position: &Position,
        depth: usize,
    ) -> Result<Field, FilterError> {
        match node {
            Node::Object(_) => Ok(Field::Inside(self.all(node, position, depth + 1)?)),
            Node::List(conditions) if conditions.is_empty() => {
                Err(position.wrong("empty", "must hold at least one value or operator"))
            }
            Node::List(conditions) => {
                let each = conditions.iter().enumerate();
                let conditions = each.map(|(i, node)| self.condition(node, &position.index(i)));
                Ok(Field::AnyOf(conditions.collect::<Result<_, _>>()?))
            }
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => Err(position.wrong(
                "type",
                "must be a list of values and operators, or an object of fields",
            )),
        }
    }

    fn condition(&mut self, node: &Node, position: &Position) -> Result<Condition, FilterError> {
        if let Some(test) = value(node) {
            self.count(position)?;
            return Ok(Condition::Passes(test));
        }
        let (operator, operand, position) = operation(node, position)?;
        if operator == "anything-but" {
            return self
                .anything_but(operand, &position)
                .map(Condition::PassesNone);
        }
        self.count(&position)?;
        let test = match (operator, operand) {
            ("exists", Node::Bool(true)) => return Ok(Condition::Present),
            ("exists", Node::Bool(false)) => {
                self.absences.push(self.path.clone());
                return Ok(Condition::Absent(self.absences.len() - 1));
            }
            ("exists", _) => return Err(position.wrong("type", "must be true or false")),
            ("prefix", operand) => Test::Begins(sought(operand, &position)?),
            ("suffix", operand) => Test::Ends(sought(operand, &position)?),
            ("numeric", operand) => Test::Between(range(operand, &position)?),
            ("cidr", operand) => Test::Within(block(operand, &position)?),
            (operator, operand) => {
                let message = "must be prefix, suffix, equals-ignore-case, wildcard, numeric, cidr, exists or anything-but";
                let read = plain(operator).ok_or_else(|| position.wrong("unknown", message))?;
                read(operand, &position)?
            }
        };
        Ok(Condition::Passes(test))
    }

    /// One value, a list of them, or an operator on texts with one text or a list of them.
    fn anything_but(&mut self, node: &Node, position: &Position) -> Result<Vec<Test>, FilterError> {
        if let Node::Object(_) = node {
            let (operator, operand, position) = operation(node, position)?;
            let read = negatable(operator, &position)?;
            return self.each(operand, &position, read);
        }
        self.each(node, position, |node, position| {
            value(node)
                .ok_or_else(|| position.wrong("type", "must be a text, number, boolean or null"))
        })
    }

    /// Reads `node`, or each of its elements if it is a list.
    fn each(
        &mut self,
        node: &Node,
        position: &Position,
        read: impl Fn(&Node, &Position) -> Result<Test, FilterError>,
    ) -> Result<Vec<Test>, FilterError> {
        let Node::List(nodes) = node else {
            self.count(position)?;
            return Ok(vec![read(node, position)?]);
        };
        if nodes.is_empty() {
            return Err(position.wrong("empty", "must hold at least one value"));
        }
        let mut tests = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let position = position.index(index);
            self.count(&position)?;
            tests.push(read(node, &position)?);
        }
        Ok(tests)
    }

    fn count(&mut self, position: &Position) -> Result<(), FilterError> {
        self.conditions += 1;
        if self.conditions <= MAX_CONDITIONS {
            return Ok(());
        }
        let message = format!("a filter may hold at most {MAX_CONDITIONS} conditions");
        Err(position.wrong("too_many", message))
    }
}
