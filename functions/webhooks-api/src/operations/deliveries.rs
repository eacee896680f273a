use domain::id::{DeliveryId, EndpointId, NetworkId};
use http_api::{Call, Failure, Problem, ProblemBody, Reply};
use store::{Delivery, DeliveryFilter, Order};

use super::fields::Fields;
use crate::Deps;
use crate::shape::{DeliveryBody, DeliveryPageBody};
use http_api::page::{cursor, limit, next_cursor};

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/webhooks/{id}/deliveries",
    operation_id = "listDeliveries",
    tag = "Deliveries",
    summary = "Deliveries of an endpoint, newest first, with their attempts",
    params(
        ("network" = String, Path, description = "The network (tenant)"),
        ("id" = String, Path, description = "The endpoint's id"),
        ("status" = Option<String>, Query, description = "`pending`, `parked`, `delivered`, `dead` or `discarded`, or several with commas between; all if absent"),
        ("eventType" = Option<String>, Query, description = "A type or a pattern such as `message.*`, or several with commas between"),
        ("replay" = Option<String>, Query, description = "Only those that this replay job queued, without those taken back from it: what came of them"),
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
    call.only_queries(&[
        "status",
        "eventType",
        "replay",
        "since",
        "until",
        "limit",
        "cursor",
    ])?;
    let network = call.network()?;
    let endpoint =
        EndpointId::parse(call.parameter("id")).ok_or(Problem::NotFound { what: "endpoint" })?;
    let (filter, limit, before) = (
        filter(&call)?,
        limit(&call)?,
        cursor(&call, DeliveryId::parse)?,
    );
    let page = deps
        .store
        .list_deliveries(
            &network,
            endpoint,
            &filter,
            Order::NewestFirst(before),
            limit,
        )
        .await?;
    // The deliveries of a deleted endpoint stay visible; one that never was gets a 404.
    if page.deliveries.is_empty()
        && page.next.is_none()
        && deps.store.endpoint(&network, endpoint).await?.is_none()
    {
        return Err(Problem::NotFound { what: "endpoint" }.into());
    }
    let bodies = bodies(deps, &network, endpoint, &page.deliveries).await?;
    Ok(page_of(&call, bodies, page.next.map(|id| id.to_string())))
}

/// Most bytes of a page within Lambda's answer, which may have 6 MiB, headers and all.
const MOST_BYTES: usize = 6_000_000;

/// As many as one answer holds, at least one; `next` goes on behind all of them.
pub(super) fn page_of(call: &Call, items: Vec<DeliveryBody>, next: Option<String>) -> Reply {
    let (items, next) = cut(items, next);
    let next_cursor = next.map(|place| next_cursor(call, &place));
    Reply::json(200, &DeliveryPageBody { items, next_cursor })
}

fn cut(mut items: Vec<DeliveryBody>, next: Option<String>) -> (Vec<DeliveryBody>, Option<String>) {
    let mut size = 0_usize;
    let fits = items.iter().take_while(|body| {
        size = size.saturating_add(body.size_in_answer());
        size <= MOST_BYTES
    });
    let fits = fits.count().max(1);
    let cut = fits < items.len();
    items.truncate(fits);
    let next = if cut {
        items.last().map(|last| last.id.clone())
    } else {
        next
    };
    (items, next)
}

/// The deliveries of one endpoint, which may be deleted and is looked up once for all of them.
pub(super) async fn bodies(
    deps: &Deps,
    network: &NetworkId,
    endpoint: EndpointId,
    deliveries: &[Delivery],
) -> Result<Vec<DeliveryBody>, Failure> {
    let mut each = deliveries.iter();
    let receiver = if each.any(|one| one.state.depends_on_receiver()) {
        let now = deps.platform.clock.now();
        deps.store.receiver(network, endpoint, now).await?
    } else {
        None
    };
    Ok(deliveries
        .iter()
        .map(|delivery| DeliveryBody::of(delivery, receiver.as_ref()))
        .collect())
}

/// The answer that is one delivery.
pub(super) async fn shown(deps: &Deps, delivery: &Delivery, status: u16) -> Result<Reply, Failure> {
    let (network, endpoint) = (&delivery.network, delivery.id.endpoint());
    let bodies = bodies(deps, network, endpoint, std::slice::from_ref(delivery)).await?;
    Ok(Reply::json(status, &bodies.first()))
}

pub(super) fn filter(call: &Call) -> Result<DeliveryFilter, Problem> {
    let mut fields = Fields::default();
    let filter = DeliveryFilter {
        states: fields.states("status", call.queries("status")),
        or_replayed_by: None,
        replayed_by: fields.replay("replay", call.query("replay")),
        not_taken_back: call.query("replay").is_some(),
        event_types: fields.patterns("eventType", call.queries("eventType")),
        since: fields.time("since", call.query("since")),
        until: fields.time("until", call.query("until")),
    };
    fields.check()?;
    Ok(filter)
}

#[utoipa::path(
    get,
    path = "/v1/networks/{network}/deliveries/{id}",
    operation_id = "getDelivery",
    tag = "Deliveries",
    summary = "One delivery with its attempts",
    params(("network" = String, Path, description = "The network (tenant)"), ("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryBody),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("apiKey" = []))
)]
#[expect(dead_code, reason = "carries the OpenAPI description of `get`")]
pub(crate) fn get_doc() {}

pub(crate) async fn get(deps: &Deps, call: Call) -> Result<Reply, Failure> {
    call.only_queries(&[])?;
    let delivery = find(deps, &call).await?;
    shown(deps, &delivery, 200).await
}

/// The delivery named in the path.
pub(crate) async fn find(deps: &Deps, call: &Call) -> Result<Delivery, Failure> {
    const NOT_FOUND: Problem = Problem::NotFound { what: "delivery" };
    let id = DeliveryId::parse(call.parameter("id")).ok_or(NOT_FOUND)?;
    let found = deps.store.delivery(&call.network()?, id).await?;
    Ok(found.ok_or(NOT_FOUND)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_before_it_is_too_large_and_goes_on_behind_its_last() {
        const HALF: usize = MOST_BYTES / 2;
        let more = || Some("the next".to_owned());
        // The sizes of what was found, and how many of them are in the answer.
        let table: [(&[usize], usize); 8] = [
            (&[], 0),
            (&[MOST_BYTES], 1),
            (&[HALF, HALF], 2),
            (&[HALF, HALF + 1], 1),
            (&[MOST_BYTES, 200], 1),
            (&[HALF, HALF, 200], 2),
            (&[200, 200, MOST_BYTES, 200], 2),
            // There must be one, or the reader would never get on.
            (&[MOST_BYTES + 1, 200], 1),
        ];
        for (sizes, fit) in table {
            for next in [None, more()] {
                let items: Vec<_> = (0..)
                    .zip(sizes)
                    .map(|(n, size)| DeliveryBody::of_size(n, *size))
                    .collect();
                assert!(
                    items
                        .iter()
                        .zip(sizes)
                        .all(|(item, size)| item.size_in_answer() == *size)
                );
                let (shown, follows) = cut(items, next.clone());
                assert_eq!(shown.len(), fit, "{sizes:?}");
                let goes_on = if fit < sizes.len() {
                    Some(format!("dlv_{}", fit - 1))
                } else {
                    next
                };
                assert_eq!(follows, goes_on, "{sizes:?}");
            }
        }
    }
}
