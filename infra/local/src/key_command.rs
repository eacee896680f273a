//! `fanfare key`: the first key of a deployment, made by an operator who may write to its table.

use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::api_key::{Access, Grant, Key, Role, Scope};
use domain::id::NetworkId;
use domain::time::Timestamp;
use runtime::{Clock, Random};
use serde_json::{Map, Value, json};

use crate::cli::KeyArgs;
use crate::console::{self, say, tell};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum KeyError {
    #[error("use network {0:?}: it {rule}", rule = NetworkId::RULE)]
    Network(String),
    #[error("use role {0:?}: choose super_admin, admin, developer or viewer")]
    Role(String),
    #[error(
        "use scope {0:?}: choose events:write, devices:write or operator, or several with a comma between"
    )]
    Scope(String),
    #[error("make a key of no network: give --network, or --scopes operator alone")]
    NoNetwork,
    #[error(
        "put the scope operator with another scope or a network, which would open to them what is nobody's: make one key with --scopes operator alone and without --network, and another for the rest"
    )]
    Operator,
}

pub(crate) fn run(args: &KeyArgs) -> ExitCode {
    match make(args, &Random::system(), Clock::system().now()) {
        Ok((key, command)) => {
            tell(&format!(
                "The key, shown only here:\n\n  {}\n",
                key.expose()
            ));
            tell(
                "It is good once this has run with rights on the table; TABLE_NAME is an output of the stack:\n",
            );
            say(&command);
            ExitCode::SUCCESS
        }
        Err(error) => console::fail(&error),
    }
}

fn make(args: &KeyArgs, random: &Random, now: Timestamp) -> Result<(Key, String), KeyError> {
    let access = access(args)?;
    let network = network(args, &access)?;
    let key = Key::generate(&access, random.bytes(), random.bytes());
    let expires = args.expires_days.map(|days| now.after(DAY * days));
    let item = store::api_key_item(
        &key,
        &Grant {
            network,
            access,
            hash: key.hash(),
            expires,
        },
    );
    let item: Map<String, Value> = item
        .iter()
        .map(|(name, value)| (name.clone(), wire(value)))
        .collect();
    // The condition refuses to overwrite another key, should two ever get the same id.
    let command = format!(
        "aws dynamodb put-item --table-name \"$TABLE_NAME\" --condition-expression 'attribute_not_exists(pk)' --item '{}'",
        Value::Object(item)
    );
    Ok((key, command))
}

/// Only an operator's key is of no network; it would be good for nothing else.
fn network(args: &KeyArgs, access: &Access) -> Result<Option<NetworkId>, KeyError> {
    match &args.network {
        Some(_) if access.is_operators() => Err(KeyError::Operator),
        Some(text) => NetworkId::parse(text)
            .map(Some)
            .ok_or_else(|| KeyError::Network(text.clone())),
        None if access.is_operators() => Ok(None),
        None => Err(KeyError::NoNetwork),
    }
}

fn access(args: &KeyArgs) -> Result<Access, KeyError> {
    if let Some(role) = &args.role {
        return Role::parse(role)
            .map(Access::Role)
            .ok_or_else(|| KeyError::Role(role.clone()));
    }
    let scope = |word: &str| Scope::parse(word).ok_or_else(|| KeyError::Scope(word.to_owned()));
    let words = args.scopes.as_deref().unwrap_or_default();
    let scopes = words.split(',').map(|word| scope(word.trim()));
    Access::of_scopes(scopes.collect::<Result<_, _>>()?).ok_or(KeyError::Operator)
}

/// The JSON form of the types that a key's record uses; no other occurs.
fn wire(value: &AttributeValue) -> Value {
    match (value.as_s(), value.as_n()) {
        (Ok(text), _) => json!({ "S": text }),
        (_, Ok(number)) => json!({ "N": number }),
        (Err(_), Err(_)) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(role: Option<&str>, scopes: Option<&str>) -> KeyArgs {
        KeyArgs {
            network: Some("acme".to_owned()),
            role: role.map(str::to_owned),
            scopes: scopes.map(str::to_owned),
            expires_days: Some(1),
        }
    }

    #[test]
    fn the_command_records_the_key_and_does_not_show_it() {
        let random = Random::from_fn(|bytes| bytes.fill(7));
        let (key, command) = make(
            &args(None, Some("events:write, devices:write")),
            &random,
            Timestamp::default(),
        )
        .unwrap();
        assert!(!command.contains(key.expose()));
        let item = command
            .split_once("--item '")
            .unwrap()
            .1
            .trim_end_matches('\'');
        let item: Value = serde_json::from_str(item).unwrap();
        assert_eq!(item["access"]["S"], "scopes:events:write devices:write");
        assert_eq!(item["network"]["S"], "acme");
        assert_eq!(item["expiresAt"]["N"], "86400000");
        assert_eq!(
            item["hash"]["S"],
            domain::base32::encode(key.hash().bytes())
        );
        assert!(item["pk"]["S"].is_string() && item["sk"]["S"].is_string());
    }

    #[test]
    fn unknown_words_are_named() {
        let check =
            |args: &KeyArgs| make(args, &Random::system(), Timestamp::default()).unwrap_err();
        assert_eq!(
            check(&args(Some("owner"), None)),
            KeyError::Role("owner".to_owned())
        );
        assert_eq!(
            check(&args(None, Some("events:read"))),
            KeyError::Scope("events:read".to_owned())
        );
        let bad = KeyArgs {
            network: Some("A B".to_owned()),
            ..args(Some("admin"), None)
        };
        assert_eq!(check(&bad), KeyError::Network("A B".to_owned()));
        let of_none = |role, scopes| KeyArgs {
            network: None,
            ..args(role, scopes)
        };
        for (role, scopes) in [(Some("super_admin"), None), (None, Some("events:write"))] {
            assert_eq!(check(&of_none(role, scopes)), KeyError::NoNetwork);
        }
        // The operator's scope is for a key of its own, whatever else is asked for.
        for scopes in ["operator,events:write", "events:write, operator"] {
            assert_eq!(check(&of_none(None, Some(scopes))), KeyError::Operator);
            assert_eq!(check(&args(None, Some(scopes))), KeyError::Operator);
        }
        assert_eq!(check(&args(None, Some("operator"))), KeyError::Operator);
        let operator = of_none(None, Some("operator"));
        let made = make(&operator, &Random::system(), Timestamp::default());
        let (key, command) = made.unwrap();
        assert!(key.expose().starts_with("ff_operator_"));
        assert!(!command.contains("network"), "{command}");
    }
}
