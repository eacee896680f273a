//! Which addresses a webhook may be sent to.
//!
//! Pure: an address goes in, a verdict comes out. The same verdict serves saving an endpoint,
//! testing it and delivering to it, so an endpoint that saves is an endpoint that may be called.
//! It never resolves names; the outbound client judges every answer a name resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// How far out an address must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Public unicast addresses only. What every deployment runs.
    PublicOnly,
    /// Also `127.0.0.0/8` and `::1`, and plain http to them. For the local runner and tests.
    LoopbackAllowed,
}

/// An address that may not be called.
///
/// `Display` is what a customer may read; it tells nothing about what a name resolved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("address not allowed")]
pub struct AddressRefusal {
    reason: &'static str,
}

impl AddressRefusal {
    /// Why, for operators: one of a closed set of words, never the address itself.
    #[must_use]
    pub fn reason(self) -> &'static str {
        self.reason
    }
}

impl AddressPolicy {
    /// Judges an address about to be connected to over TLS.
    ///
    /// # Errors
    ///
    /// When the address, or an IPv4 address it merely wraps, is not public unicast.
    pub fn judge(self, address: IpAddr) -> Result<(), AddressRefusal> {
        // RFC 4291 §2.5.5.2: a mapped address is an IPv4 address in another notation.
        let address = address.to_canonical();
        if self == Self::LoopbackAllowed && address.is_loopback() {
            return Ok(());
        }
        match address {
            IpAddr::V4(v4) => judge_v4(v4),
            IpAddr::V6(v6) => judge_v6(v6),
        }
    }

    /// Judges an address about to be connected to without TLS: only loopback, only when allowed.
    ///
    /// # Errors
    ///
    /// When `judge` refuses the address, and when the connection would leave this machine unencrypted.
    pub fn judge_plain(self, address: IpAddr) -> Result<(), AddressRefusal> {
        self.judge(address)?;
        if address.to_canonical().is_loopback() {
            Ok(())
        } else {
            refuse("plain_http")
        }
    }
}

const fn refuse(reason: &'static str) -> Result<(), AddressRefusal> {
    Err(AddressRefusal { reason })
}

fn judge_v4(address: Ipv4Addr) -> Result<(), AddressRefusal> {
    match V4_REFUSED.iter().find(|(net, _)| net.contains(&address)) {
        Some((_, reason)) => refuse(reason),
        None => Ok(()),
    }
}

fn judge_v6(address: Ipv6Addr) -> Result<(), AddressRefusal> {
    if let Some((_, reason)) = V6_REFUSED.iter().find(|(net, _)| net.contains(&address)) {
        return refuse(reason);
    }
    // RFC 4291 §2.4, IANA IPv6 address space: global unicast is 2000::/3. What nobody has
    // allocated yet is refused, whatever it may become.
    if !GLOBAL_UNICAST.contains(&address) {
        return refuse("not_global_unicast");
    }
    match isatap(address) {
        Some(inner) => judge_v4(inner),
        None => Ok(()),
    }
}

/// The IPv4 address an ISATAP router would deliver to. RFC 5214 §6.1: interface identifier
/// `0:5efe:v4`, or `200:5efe:v4` when the IPv4 address claims to be globally unique.
fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., high, marker, a, b] = address.segments();
    if marker != 0x5efe || (high != 0 && high != 0x0200) {
        return None;
    }
    Some(Ipv4Addr::from_bits((u32::from(a) << 16) | u32::from(b)))
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// A block by its first three groups; every block below is zero after them, or is written out.
const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// IANA IPv4 special-purpose registry, and addresses clouds keep for themselves.
const V4_REFUSED: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "this_network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 168, 0, 0, 16), "private"),
    // Also Alibaba's metadata service, 100.100.100.200.
    (v4(100, 64, 0, 0, 10), "carrier_nat"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    // Azure's host service: looks public, answers only from inside.
    (v4(168, 63, 129, 16, 32), "cloud_host_service"),
    // All cloud metadata and credential services, among them those of Lambda's own host.
    (v4(169, 254, 0, 0, 16), "link_local"),
    (v4(192, 0, 0, 0, 24), "ietf_protocol"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(192, 31, 196, 0, 24), "as112"),
    (v4(192, 175, 48, 0, 24), "as112"),
    (v4(192, 52, 193, 0, 24), "amt"),
    (v4(192, 88, 99, 0, 24), "six_to_four_relay"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// IANA IPv6 special-purpose registry; narrower blocks first, because the first match names the
/// reason. Blocks outside `2000::/3` would be refused anyway: they are here for their reason.
const V6_REFUSED: &[(Ipv6Net, &str)] = &[
    (
        Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128),
        "unspecified",
    ),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "loopback"),
    (v6(0, 0, 0, 96), "ipv4_compatible"),
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
        "ipv4_translated",
    ),
    // No subnet of ours uses DNS64, so no honest answer is inside NAT64.
    (v6(0x64, 0xff9b, 0, 96), "nat64"),
    (v6(0x64, 0xff9b, 1, 48), "nat64"),
    (v6(0, 0, 0, 8), "reserved"),
    (v6(0x100, 0, 0, 64), "discard"),
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 0), 64),
        "dummy",
    ),
    (v6(0x2001, 0, 0, 32), "teredo"),
    (v6(0x2001, 2, 0, 48), "benchmarking"),
    (v6(0x2001, 3, 0, 32), "amt"),
    (v6(0x2001, 4, 0x112, 48), "as112"),
    (v6(0x2001, 0x10, 0, 28), "orchid"),
    (v6(0x2001, 0x20, 0, 28), "orchid"),
    (v6(0x2001, 0x30, 0, 28), "drone_remote_id"),
    // Also the anycast addresses 2001:1::1 to 2001:1::3.
    (v6(0x2001, 0, 0, 23), "ietf_protocol"),
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
    (v6(0x2002, 0, 0, 16), "six_to_four"),
    (v6(0x2620, 0x4f, 0x8000, 48), "as112"),
    (v6(0x3ffe, 0, 0, 16), "returned_6bone"),
    (v6(0x5f00, 0, 0, 16), "segment_routing"),
    // Also AWS's own services inside a VPC, fd00:ec2::/32.
    (v6(0xfc00, 0, 0, 7), "unique_local"),
    (v6(0xfe80, 0, 0, 10), "link_local"),
    (v6(0xfec0, 0, 0, 10), "site_local"),
    (v6(0xff00, 0, 0, 8), "multicast"),
];

#[cfg(test)]
mod tests;
