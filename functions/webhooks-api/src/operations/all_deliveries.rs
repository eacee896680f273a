//! Deliveries of a whole network, endpoint after endpoint.

use domain::id::{DeliveryId, EndpointId};
use http_api::page::{cursor, limit};
use http_api::{Call, Failure, ProblemBody, Reply};
use store::{Addressee, Order};

use super::deliveries::{bodies, filter, page_of};
use crate::Deps;
use crate::shape::{DeliveryBody, DeliveryPageBody};

/// Most endpoints looked at for one page, so that a network of thousands costs a bounded read and
/// the caller goes on with the cursor.
const MOST_LOOKED_AT: usize = 25;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// With the newest delivery of this endpoint.
    Endpoint(EndpointId),
    /// Behind this delivery.
    After(DeliveryId),
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let endpoint = EndpointId::parse(text).map(Self::Endpoint);
        endpoint.or_else(|| DeliveryId::parse(text).map(Self::After))
    }

    fn endpoint(self) -> EndpointId {
        match self {
            Self::Endpoint(id) => id,
            Self::After(delivery) => delivery.endpoint(),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Endpoint(id) => id.to_string(),
            Self::After(delivery) => delivery.to_string(),
        }
    }
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/deliveries",
    operation_id = "listAllDeliveries",
    tag = "Deliveries",
    summary = "Deliveries of all endpoints, such as their dead letters",
    description = "Endpoint after endpoint, oldest endpoint first; of each its deliveries, newest first. Endpoints that were deleted are among them, as long as the network's retention at the time of the deletion says. A page looks at 25 endpoints at most and can be short, even empty, with more to come: go on while there is a `nextCursor`.",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("status" = Option<String>, Query, description = "`pending`, `parked`, `delivered`, `dead` or `discarded`, or several with commas between; all if absent"),
        ("eventType" = Option<String>, Query, description = "A type or a pattern such as `message.*`, or several with commas between"),
        ("since" = Option<String>, Query, description = "Only events accepted then or later; RFC 3339"),
        ("until" = Option<String>, Query, description = "Only events accepted before then; RFC 3339"),
        ("limit" = Option<u16>, Query, description = "1 to 200, 50 if absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = DeliveryPageBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `list`")]
pub(crate) fn list_doc() {}

pub(crate) async fn list(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&["status", "eventType", "since", "until", "limit", "cursor"])?;
    let (filter, limit, from) = (filter(&call)?, limit(&call)?, cursor(&call, Place::parse)?);
    let network = call.network()?;
    // One more, to begin the next page with.
    let rest = deps
        .store
        .list_addressees(&network, from.map(Place::endpoint), MOST_LOOKED_AT + 1)
        .await?;
    let mut items: Vec<DeliveryBody> = Vec::new();
    let mut next = rest.get(MOST_LOOKED_AT).map(|one| Place::Endpoint(one.id));
    for (place, Addressee { id, deleted }) in rest.into_iter().enumerate().take(MOST_LOOKED_AT) {
        let room = limit.saturating_sub(items.len());
        if room == 0 {
            next = Some(Place::Endpoint(id));
            break;
        }
        let before = from.and_then(|from| match from {
            Place::After(delivery) if place == 0 && delivery.endpoint() == id => Some(delivery),
            Place::After(_) | Place::Endpoint(_) => None,
        });
        let order = Order::NewestFirst(before);
        let page = deps
            .store
            .list_deliveries(&network, id, &filter, order, room)
            .await?;
        let orphan = |delivery| DeliveryBody::of(delivery, None);
        items.extend(if deleted {
            page.deliveries.iter().map(orphan).collect()
        } else {
            bodies(deps, &network, id, &page.deliveries).await?
        });
        if let Some(last) = page.next {
            next = Some(Place::After(last));
            break;
        }
    }
    Ok(page_of(&call, items, next.map(Place::text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::EventId;
    use domain::time::Timestamp;

    #[test]
    fn places_come_back_as_they_were() {
        let endpoint = EndpointId::from_bytes([1; 16]);
        let event = EventId::parse("e").unwrap();
        let delivery = DeliveryId::of(endpoint, Timestamp::from_millis(7), &event);
        for place in [Place::Endpoint(endpoint), Place::After(delivery)] {
            assert_eq!(Place::parse(&place.text()), Some(place));
            assert_eq!(place.endpoint(), endpoint);
        }
        assert_eq!(Place::parse("ep_1"), None);
    }
}
