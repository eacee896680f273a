use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::api_key::{Access, Permission};
use domain::field::FieldError;
use domain::id::NetworkId;
use domain::idempotency::{self, Idempotency};
use domain::time::Timestamp;

use crate::Problem;
use crate::page::invalid;

/// Who calls, as the authorizer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The only network that the key is good for; `None` for an operator's key, which is good for
    /// none.
    pub network: Option<NetworkId>,
    /// What the key may do there, or outside all networks.
    pub access: Access,
}

impl Caller {
    /// Whether it may do what needs `permission`. What belongs to no network is for callers of none,
    /// whatever a key of a network claims: networks are tenants.
    fn may(&self, permission: Permission) -> bool {
        let outside = permission != Permission::Operate || self.network.is_none();
        outside && self.access.allows(permission)
    }
}

/// A request whose caller is allowed to make it.
#[derive(Debug)]
pub struct Call {
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) caller: Option<Caller>,
    pub(crate) request: ApiGatewayV2httpRequest,
}

impl Call {
    /// The network in the path, which is also the caller's; the caller's, when the path has none.
    ///
    /// # Errors
    /// When neither names one.
    pub fn network(&self) -> Result<NetworkId, Problem> {
        if self.parameters.iter().any(|(name, _)| *name == "network") {
            return NetworkId::parse(self.parameter("network")).ok_or(Problem::UnknownPath);
        }
        let caller = self.caller.as_ref();
        let network = caller.and_then(|caller| caller.network.clone());
        network.ok_or(Problem::UnknownPath)
    }

    /// Whether the caller may also do what needs `permission`: for an operation of which a part
    /// needs more than the whole.
    #[must_use]
    pub fn allows(&self, permission: Permission) -> bool {
        let caller = self.caller.as_ref();
        caller.is_some_and(|caller| caller.may(permission))
    }

    /// Refuses a change whose `If-Match` names another version than `version`. RFC 9110 §13.1.1:
    /// it is a list of validators or `*`.
    ///
    /// # Errors
    /// When it does; without `If-Match` never.
    pub fn if_match(&self, version: u64) -> Result<(), Problem> {
        let Some(wanted) = self.header("if-match") else {
            return Ok(());
        };
        let current = etag(version);
        let good = wanted
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag == current);
        if good {
            Ok(())
        } else {
            Err(Problem::PreconditionFailed)
        }
    }

    /// A path parameter; empty when the route has none of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value)
    }

    /// The first value of a query parameter; `None` when there is none of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.request.query_string_parameters.first(name)
    }

    /// All values of a query parameter, be they given with commas between or one by one: API Gateway
    /// makes no difference between the two.
    pub fn queries(&self, name: &str) -> impl Iterator<Item = &str> {
        let all = self.request.query_string_parameters.all(name);
        let values = all.unwrap_or_default().into_iter();
        values
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Refuses query parameters that the operation does not know, by name.
    ///
    /// # Errors
    /// When there is one.
    pub fn only_queries(&self, known: &[&str]) -> Result<(), Problem> {
        let foreign = self
            .request
            .query_string_parameters
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !known.contains(name));
        let errors: Vec<_> = foreign
            .map(|name| {
                FieldError::new(
                    name,
                    "unknown",
                    format!("is not a query parameter here; known: {}", known.join(", ")),
                )
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::InvalidFields(errors))
        }
    }

    /// The first value of a header, its name in any case; `None` when absent or not visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name)?.to_str().ok()
    }

    /// What the caller's `Idempotency-Key` is to remember of a request that is told from others at the
    /// same path by these bytes; `None` without the header.
    ///
    /// # Errors
    /// When the key breaks its rule.
    pub fn idempotency(
        &self,
        request: &[u8],
        now: Timestamp,
    ) -> Result<Option<Idempotency>, Problem> {
        let Some(key) = self.header("idempotency-key") else {
            return Ok(None);
        };
        let path = self.request.raw_path.as_deref().unwrap_or_default();
        let whole = [path.as_bytes(), b"\n", request].concat();
        let memory = Idempotency::of(key, &whole, now);
        let broken = || invalid("Idempotency-Key", idempotency::RULE);
        memory.ok_or_else(broken).map(Some)
    }

    /// The body, at most `limit` bytes.
    ///
    /// # Errors
    /// When it is larger, or marked as base64 and is not.
    pub fn body(&self, limit: usize) -> Result<Vec<u8>, Problem> {
        let text = self.request.body.as_deref().unwrap_or_default();
        let body = if self.request.is_base64_encoded {
            STANDARD
                .decode(text)
                .map_err(|_| Problem::MalformedJson("the body is not UTF-8 text".to_owned()))?
        } else {
            text.as_bytes().to_vec()
        };
        if body.len() > limit {
            Err(Problem::PayloadTooLarge { limit })
        } else {
            Ok(body)
        }
    }
}

/// RFC 9110 §8.8.3: a strong validator, the version in quotes.
#[must_use]
pub fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The caller in a request's authorizer context. `None` unless every part of it is valid: what the
/// authorizer did not say is denied, and a caller without a network is denied in every one.
pub(crate) fn caller(request: &ApiGatewayV2httpRequest) -> Option<Caller> {
    let context = &request.request_context.authorizer.as_ref()?.fields;
    let network = match context.get("network") {
        Some(network) => Some(NetworkId::parse(network.as_str()?)?),
        None => None,
    };
    let access = context.get("access")?.as_str()?;
    Some(Caller {
        network,
        access: Access::parse(access)?,
    })
}

/// Whether `caller` may do what needs any of `needs` in the network of the path, if it names one.
pub(crate) fn admit(
    caller: Option<&Caller>,
    network: Option<&str>,
    needs: &[Permission],
) -> Result<(), Problem> {
    if needs.is_empty() {
        return Ok(());
    }
    let caller = caller.ok_or(Problem::Unauthorized)?;
    if matches!(caller.access, Access::Mixed(_)) {
        return Err(Problem::MixedScopes);
    }
    let own = caller.network.as_ref().map(NetworkId::as_str);
    if network.is_some() && network != own {
        return Err(Problem::WrongNetwork);
    }
    if needs.iter().any(|permission| caller.may(*permission)) {
        Ok(())
    } else {
        Err(Problem::NotPermitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::api_key::{Role, Scope};

    #[test]
    fn what_is_nobodys_is_for_callers_of_no_network_and_the_rest_for_those_of_its_own() {
        let caller = |network, access| Caller {
            network: NetworkId::parse(network),
            access,
        };
        let operator = || Access::Scopes(vec![Scope::Operate]);
        let admin = || Access::Role(Role::SuperAdmin);
        let mixed = || Access::Mixed(vec![Scope::EventsWrite, Scope::Operate]);
        let operate = [Permission::Operate];
        let read = [Permission::Read];
        for (caller, network, needs, refused) in [
            (caller("", operator()), None, operate, None),
            (
                caller("demo", operator()),
                None,
                operate,
                Some("not-permitted"),
            ),
            (
                caller("demo", admin()),
                None,
                operate,
                Some("not-permitted"),
            ),
            (caller("", admin()), None, operate, Some("not-permitted")),
            (
                caller("", operator()),
                Some("demo"),
                read,
                Some("wrong-network"),
            ),
            (caller("demo", admin()), Some("demo"), read, None),
            (
                caller("demo", admin()),
                Some("acme"),
                read,
                Some("wrong-network"),
            ),
            (
                caller("demo", mixed()),
                Some("demo"),
                read,
                Some("mixed-scopes"),
            ),
            (
                caller("demo", mixed()),
                Some("acme"),
                read,
                Some("mixed-scopes"),
            ),
            (caller("", mixed()), None, operate, Some("mixed-scopes")),
        ] {
            let admitted = admit(Some(&caller), network, &needs);
            let told = admitted.err().map(|problem| problem.body().kind);
            let told = told.as_deref().and_then(|kind| kind.rsplit('/').next());
            assert_eq!(told, refused, "{caller:?} {network:?} {needs:?}");
        }
    }
}
