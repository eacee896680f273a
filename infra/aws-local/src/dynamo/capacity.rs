//! What each call would have cost: the engine reports it, this collects it.

use dynoxide::actions::batch_get_item::{BatchGetItemRequest, BatchGetItemResponse};
use dynoxide::actions::batch_write_item::{BatchWriteItemRequest, BatchWriteItemResponse};
use dynoxide::actions::delete_item::{DeleteItemRequest, DeleteItemResponse};
use dynoxide::actions::get_item::{GetItemRequest, GetItemResponse};
use dynoxide::actions::put_item::{PutItemRequest, PutItemResponse};
use dynoxide::actions::query::{QueryRequest, QueryResponse};
use dynoxide::actions::scan::{ScanRequest, ScanResponse};
use dynoxide::actions::transact_get_items::{TransactGetItemsRequest, TransactGetItemsResponse};
use dynoxide::actions::transact_write_items::{
    TransactWriteItem, TransactWriteItemsRequest, TransactWriteItemsResponse,
};
use dynoxide::actions::update_item::{UpdateItemRequest, UpdateItemResponse};
use dynoxide::types::{ConsumedCapacity, Item, item_size};

use crate::counts::Units;

const WRITE_UNIT_BYTES: usize = 1_024;

/// A request that can be asked to report its cost.
pub(super) trait MeteredRequest {
    /// Asks for the total, unless the caller asked already; true when the caller did not.
    fn ask(&mut self) -> bool;

    /// What the call costs when its condition fails: AWS charges a refused write like a write.
    fn refused_units(&self) -> f64 {
        0.0
    }
}

/// The answer to such a request.
pub(super) trait MeteredResponse {
    const IS_WRITE: bool;

    /// The reported cost, which is taken out when the caller did not ask for it.
    fn units(&mut self, hide: bool) -> f64;

    fn metered(&mut self, hide: bool) -> Units {
        let units = self.units(hide);
        if Self::IS_WRITE {
            Units {
                read: 0.0,
                write: units,
            }
        } else {
            Units {
                read: units,
                write: 0.0,
            }
        }
    }
}

/// One report or a list of them.
trait Report {
    fn total(&self) -> f64;
}

impl Report for ConsumedCapacity {
    fn total(&self) -> f64 {
        self.capacity_units
    }
}

impl Report for Vec<ConsumedCapacity> {
    fn total(&self) -> f64 {
        self.iter().map(|report| report.capacity_units).sum()
    }
}

fn ask(mode: &mut Option<String>) -> bool {
    let silent = mode.as_deref().is_none_or(|mode| mode == "NONE");
    if silent {
        *mode = Some("TOTAL".to_owned());
    }
    silent
}

fn take_units<R: Report>(report: &mut Option<R>, hide: bool) -> f64 {
    let units = report.as_ref().map_or(0.0, Report::total);
    if hide {
        *report = None;
    }
    units
}

fn write_units(item: &Item) -> f64 {
    // An item has at most 400 KiB, so at most 400 units.
    u32::try_from(item_size(item).div_ceil(WRITE_UNIT_BYTES).max(1))
        .map_or(f64::INFINITY, f64::from)
}

macro_rules! metered_response {
    ($($response:ty: $is_write:expr;)*) => {$(
        impl MeteredResponse for $response {
            const IS_WRITE: bool = $is_write;

            fn units(&mut self, hide: bool) -> f64 {
                take_units(&mut self.consumed_capacity, hide)
            }
        }
    )*};
}

macro_rules! metered_request {
    ($($request:ty: $refused:expr;)*) => {$(
        impl MeteredRequest for $request {
            fn ask(&mut self) -> bool {
                ask(&mut self.return_consumed_capacity)
            }

            fn refused_units(&self) -> f64 {
                let refused: fn(&Self) -> f64 = $refused;
                refused(self)
            }
        }
    )*};
}

metered_response! {
    PutItemResponse: true;
    UpdateItemResponse: true;
    DeleteItemResponse: true;
    BatchWriteItemResponse: true;
    TransactWriteItemsResponse: true;
    GetItemResponse: false;
    QueryResponse: false;
    ScanResponse: false;
    BatchGetItemResponse: false;
    TransactGetItemsResponse: false;
}

metered_request! {
    // AWS charges by the larger of both items; the stored one is not at hand, one unit stands for it.
    PutItemRequest: |request| write_units(&request.item);
    UpdateItemRequest: |_| 1.0;
    DeleteItemRequest: |_| 1.0;
    // A cancelled transaction costs what a committed one does: two units for each unit of each item.
    TransactWriteItemsRequest: |request| 2.0 * request.transact_items.iter().map(transact_units).sum::<f64>();
    BatchWriteItemRequest: |_| 0.0;
    GetItemRequest: |_| 0.0;
    QueryRequest: |_| 0.0;
    ScanRequest: |_| 0.0;
    BatchGetItemRequest: |_| 0.0;
    TransactGetItemsRequest: |_| 0.0;
}

fn transact_units(action: &TransactWriteItem) -> f64 {
    action
        .put
        .as_ref()
        .map_or(1.0, |put| write_units(&put.item))
}
