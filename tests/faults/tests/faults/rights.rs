//! Whether a function asks the table only for what the template allows it, down to the keys.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

const TEMPLATE: &str = include_str!("../../../../template.yaml");

/// One statement about the table.
#[derive(Clone)]
struct Statement {
    actions: Vec<String>,
    /// How keys may begin; `None` for any.
    keys: Option<Vec<String>>,
}

/// What a function may do.
type Rights = Vec<Statement>;

impl Statement {
    fn read(text: &str) -> Self {
        let listed = text.split("dynamodb:").skip(1).map(|rest| {
            let end = rest.find(|letter: char| !letter.is_alphanumeric());
            rest[..end.unwrap_or(rest.len())].to_owned()
        });
        let keys = text.split_once(r#""dynamodb:LeadingKeys": ["#);
        let keys = keys.map(|(_, rest)| {
            let list = rest.split(']').next().unwrap();
            let patterns = list.split(',').map(|one| one.trim().trim_matches('"'));
            let beginnings = patterns.map(|pattern| pattern.strip_suffix('*').unwrap().to_owned());
            beginnings.collect()
        });
        Self {
            actions: listed.filter(|action| action != "LeadingKeys").collect(),
            keys,
        }
    }

    fn allows(&self, action: &str, key: &str) -> bool {
        let begins = |keys: &Vec<String>| keys.iter().any(|begin| key.starts_with(begin.as_str()));
        self.actions.iter().any(|known| known == action) && self.keys.as_ref().is_none_or(begins)
    }
}

/// The rights of the function of this package.
fn rights(package: &str) -> Rights {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, Rights>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap();
    let read = || {
        let words = package.split('-');
        let id: String = words
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect();
        let (_, rest) = TEMPLATE.split_once(&format!("\n  {id}:\n")).unwrap();
        let own = rest.lines().take_while(|line| {
            let indented = line.starts_with("   ");
            indented || line.trim().is_empty()
        });
        let own: Vec<_> = own
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        let own = own.join("\n");
        own.split("- Effect: Allow")
            .skip(1)
            .map(Statement::read)
            .collect()
    };
    known.entry(package.to_owned()).or_insert_with(read).clone()
}

/// What the template does not allow of a call to the table, in words.
pub(crate) fn beyond(package: &str, target: &str, body: &[u8]) -> Option<String> {
    let operation = target.strip_prefix("DynamoDB_20120810.")?;
    let asked: Value = serde_json::from_slice(body).unwrap();
    let rights = rights(package);
    let parts = parts(operation, &asked);
    let bad = parts.into_iter().find(|(action, key)| {
        let allowed = |statement: &Statement| statement.allows(action, key);
        !rights.iter().any(allowed)
    });
    bad.map(|(action, key)| format!("{package} may not {action} {key}"))
}

/// Actions, as AWS authorizes them, and the keys that they are about.
fn parts(operation: &str, asked: &Value) -> Vec<(String, String)> {
    let pk = |item: &Value| item["pk"]["S"].as_str().unwrap().to_owned();
    let one = |key: String| vec![(operation.to_owned(), key)];
    let lists = || {
        let tables = asked["RequestItems"].as_object().unwrap().values();
        tables.cloned().collect::<Vec<_>>()
    };
    match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" => one(pk(&asked["Key"])),
        "PutItem" => one(pk(&asked["Item"])),
        // Whose keys are not the table's.
        "Query" if !asked["IndexName"].is_null() => Vec::new(),
        "Query" => one(pk_of_query(asked)),
        "BatchGetItem" => {
            let tables = lists();
            let keys = tables
                .iter()
                .flat_map(|table| table["Keys"].as_array().unwrap());
            keys.map(|key| (operation.to_owned(), pk(key))).collect()
        }
        "BatchWriteItem" => {
            let tables = lists();
            let writes = tables.iter().flat_map(|table| table.as_array().unwrap());
            let keys = writes.map(|write| {
                let deleted = &write["DeleteRequest"]["Key"];
                pk(if deleted.is_null() {
                    &write["PutRequest"]["Item"]
                } else {
                    deleted
                })
            });
            keys.map(|key| (operation.to_owned(), key)).collect()
        }
        "TransactWriteItems" => {
            let items = asked["TransactItems"].as_array().unwrap();
            let named = items.iter().flat_map(|item| item.as_object().unwrap());
            named
                .map(|(kind, part)| {
                    let action = match kind.as_str() {
                        "ConditionCheck" => "ConditionCheckItem".to_owned(),
                        other => format!("{other}Item"),
                    };
                    let item = &part[if kind == "Put" { "Item" } else { "Key" }];
                    (action, pk(item))
                })
                .collect()
        }
        other => panic!("unknown operation {other}"),
    }
}

fn pk_of_query(asked: &Value) -> String {
    let key = &asked["ExpressionAttributeValues"][":pk"]["S"];
    key.as_str().unwrap().to_owned()
}

#[test]
fn what_is_beyond_rights_is_noticed() {
    let body = |key: &str| {
        let item = format!(r#"{{"pk":{{"S":"{key}"}}}}"#);
        format!(r#"{{"Key":{item},"Item":{item}}}"#)
    };
    for (package, operation, key, allowed) in [
        ("webhook-dispatch", "UpdateItem", "D#demo#1", true),
        ("webhook-dispatch", "UpdateItem", "KEY#1", false),
        ("webhook-dispatch", "GetItem", "KEY#1", false),
        ("webhook-dispatch", "DeleteItem", "D#demo#1", false),
        ("webhook-dispatch", "PutItem", "X#demo", true),
        ("webhook-dispatch", "DeleteItem", "X#demo", false),
        ("retry-sweep", "UpdateItem", "N#demo", false),
        ("replay-jobs", "UpdateItem", "N#demo", false),
        ("event-fanout", "PutItem", "KEY#1", false),
        ("quarantine", "UpdateItem", "KEY#1", false),
    ] {
        let target = format!("DynamoDB_20120810.{operation}");
        let found = beyond(package, &target, body(key).as_bytes());
        assert_eq!(found.is_none(), allowed, "{package} {operation} {key}");
    }
}
