use super::*;
use proptest::prelude::*;

use AddressPolicy::{LoopbackAllowed, PublicOnly};

fn reason(text: &str) -> &'static str {
    let address: IpAddr = text.parse().unwrap();
    PublicOnly
        .judge(address)
        .err()
        .map_or("allowed", AddressRefusal::reason)
}

/// Each block's first and last address, its neighbours (`-` where the address space ends or the
/// row spans several blocks), and which neighbours another block refuses. The blocks are written
/// again here, so a slip in the table is a failure.
const V4_EDGES: &str = "
    0.0.0.0        0.255.255.255    -                1.0.0.0        none
    10.0.0.0       10.255.255.255   9.255.255.255    11.0.0.0       none
    100.64.0.0     100.127.255.255  100.63.255.255   100.128.0.0    none
    127.0.0.0      127.255.255.255  126.255.255.255  128.0.0.0      none
    168.63.129.16  168.63.129.16    168.63.129.15    168.63.129.17  none
    169.254.0.0    169.254.255.255  169.253.255.255  169.255.0.0    none
    172.16.0.0     172.31.255.255   172.15.255.255   172.32.0.0     none
    192.0.0.0      192.0.0.255      191.255.255.255  192.0.1.0      none
    192.0.2.0      192.0.2.255      192.0.1.255      192.0.3.0      none
    192.31.196.0   192.31.196.255   192.31.195.255   192.31.197.0   none
    192.52.193.0   192.52.193.255   192.52.192.255   192.52.194.0   none
    192.88.99.0    192.88.99.255    192.88.98.255    192.88.100.0   none
    192.168.0.0    192.168.255.255  192.167.255.255  192.169.0.0    none
    192.175.48.0   192.175.48.255   192.175.47.255   192.175.49.0   none
    198.18.0.0     198.19.255.255   198.17.255.255   198.20.0.0     none
    198.51.100.0   198.51.100.255   198.51.99.255    198.51.101.0   none
    203.0.113.0    203.0.113.255    203.0.112.255    203.0.114.0    none
    224.0.0.0      239.255.255.255  223.255.255.255  240.0.0.0      after
    240.0.0.0      255.255.255.255  239.255.255.255  -              before
";

/// As above; `ONES` fills an address up. The last two rows are what nobody has allocated, on both
/// sides of global unicast.
const V6_EDGES: &str = "
    ::              ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff  -                    100::           after
    2001::          2001:1ff:ffff:ONES                     2000:ffff:ffff:ONES  2001:200::      none
    2001:db8::      2001:db8:ffff:ONES                     2001:db7:ffff:ONES   2001:db9::      none
    2002::          2002:ffff:ffff:ONES                    2001:ffff:ffff:ONES  2003::          none
    2620:4f:8000::  2620:4f:8000:ONES                      2620:4f:7fff:ONES    2620:4f:8001::  none
    3ffe::          3ffe:ffff:ffff:ONES                    3ffd:ffff:ffff:ONES  3fff::          after
    3fff::          3fff:fff:ffff:ONES                     3ffe:ffff:ffff:ONES  3fff:1000::     before
    5f00::          5f00:ffff:ffff:ONES                    5eff:ffff:ffff:ONES  5f01::          both
    fc00::          fdff:ffff:ffff:ONES                    fbff:ffff:ffff:ONES  fe00::          both
    fe80::          febf:ffff:ffff:ONES                    fe7f:ffff:ffff:ONES  fec0::          both
    fec0::          feff:ffff:ffff:ONES                    febf:ffff:ffff:ONES  ff00::          both
    ff00::          ffff:ffff:ffff:ONES                    feff:ffff:ffff:ONES  -               before
    100::           100::ffff:ffff:ffff:ffff               ff:ffff:ffff:ONES    100:0:0:2::     both
    101::           1fff:ffff:ffff:ONES                    -                    2000::          none
    4000::          fbff:ffff:ffff:ONES                    3fff:ffff:ffff:ONES  -               none
";

const V6_REASONS: &str = "
    ::                                  unspecified
    ::1                                 loopback
    ::2                                 ipv4_compatible
    ::7f00:1                            ipv4_compatible
    ::8.8.8.8                           ipv4_compatible
    ::ffff:0:7f00:1                     ipv4_translated
    ::ffff:0:8.8.8.8                    ipv4_translated
    ::ffff:7f00:1                       loopback
    ::ffff:169.254.169.254              link_local
    ::ffff:8.8.8.8                      allowed
    64:ff9b::7f00:1                     nat64
    64:ff9b::ffff:ffff                  nat64
    64:ff9b:0:0:0:1::                   reserved
    64:ff9b:1::                         nat64
    64:ff9b:1:ffff:ffff:ffff:ffff:ffff  nat64
    64:ff9b:2::                         reserved
    100:0:0:1::                         dummy
    100:0:0:2::                         not_global_unicast
    2001::1                             teredo
    2001:1::1                           ietf_protocol
    2001:1::3                           ietf_protocol
    2001:2::                            benchmarking
    2001:2:1::                          ietf_protocol
    2001:3::                            amt
    2001:4:112::                        as112
    2001:10::                           orchid
    2001:20::                           orchid
    2001:30::                           drone_remote_id
    2001:40::                           ietf_protocol
    2001:470:0:0:0:5efe:7f00:1          loopback
    2001:470:0:0:200:5efe:a9fe:a9fe     link_local
    2001:470:0:0:0:5efe:808:808         allowed
    2001:470:0:0:400:5efe:7f00:1        allowed
    2606:4700:4700::1111                allowed
    2a00:1450:4001::8a                  allowed
    1.1.1.1                             allowed
";

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|row: &Vec<_>| !row.is_empty())
}

fn check_edges(table: &str) {
    for row in rows(table) {
        let full = |text: &str| text.replace("ONES", "ffff:ffff:ffff:ffff:ffff");
        for end in [full(row[0]), full(row[1])] {
            assert_ne!(reason(&end), "allowed", "{end}");
        }
        for (neighbour, side) in [(full(row[2]), "before"), (full(row[3]), "after")] {
            if neighbour != "-" {
                let refused = row[4] == side || row[4] == "both";
                assert_eq!(reason(&neighbour) != "allowed", refused, "{neighbour}");
            }
        }
    }
}

#[test]
fn every_block_ends_where_it_should() {
    check_edges(V4_EDGES);
    check_edges(V6_EDGES);
}

#[test]
fn each_table_entry_gives_its_own_reason_first_to_last() {
    for (net, why) in V4_REFUSED {
        assert_eq!(net.trunc(), *net, "host bits set in {net}");
        for end in [net.network(), net.broadcast()] {
            assert_eq!(judge_v4(end).unwrap_err().reason(), *why, "{end}");
        }
    }
    for (net, why) in V6_REFUSED {
        assert_eq!(net.trunc(), *net, "host bits set in {net}");
        // The first address of ::/96 and ::/8 is `::` itself, which has a narrower reason.
        assert_eq!(
            judge_v6(net.broadcast()).unwrap_err().reason(),
            *why,
            "{net}"
        );
    }
}

#[test]
fn reasons_name_the_narrowest_block() {
    for row in rows(V6_REASONS) {
        assert_eq!(reason(row[0]), row[1], "{}", row[0]);
    }
}

#[test]
fn what_the_cloud_answers_inside_is_refused_by_name() {
    for (what, address) in [
        ("Lambda runtime API", "127.0.0.1"),
        ("Lambda runtime API, link-local form", "169.254.100.1"),
        ("X-Ray daemon", "169.254.79.129"),
        ("instance metadata", "169.254.169.254"),
        ("instance metadata, mapped", "::ffff:169.254.169.254"),
        ("instance metadata, IPv6", "fd00:ec2::254"),
        ("container credentials", "169.254.170.2"),
        ("pod identity credentials", "169.254.170.23"),
        ("pod identity credentials, IPv6", "fd00:ec2::23"),
        ("resolver", "169.254.169.253"),
        ("resolver, IPv6", "fd00:ec2::253"),
        ("time", "169.254.169.123"),
        ("time, IPv6", "fd00:ec2::123"),
        ("Azure host service", "168.63.129.16"),
        ("Alibaba metadata", "100.100.100.200"),
        ("broadcast", "255.255.255.255"),
        ("NAT64 discovery", "192.0.0.170"),
    ] {
        assert_ne!(reason(address), "allowed", "{what}");
    }
}

#[test]
fn allowing_loopback_allows_nothing_else() {
    for address in [
        "127.0.0.1",
        "127.255.255.255",
        "::1",
        "::ffff:127.0.0.1",
        "8.8.8.8",
    ] {
        assert_eq!(
            LoopbackAllowed.judge(address.parse().unwrap()),
            Ok(()),
            "{address}"
        );
    }
    for address in [
        "10.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "0.0.0.0",
        "::",
        "::7f00:1",
        "::ffff:0:7f00:1",
        "fd00:ec2::254",
        "2001:470::5efe:7f00:1",
    ] {
        assert!(
            LoopbackAllowed.judge(address.parse().unwrap()).is_err(),
            "{address}"
        );
    }
}

#[test]
fn plain_http_stays_on_this_machine() {
    for (policy, address, allowed) in [
        (LoopbackAllowed, "127.0.0.1", true),
        (LoopbackAllowed, "::1", true),
        (LoopbackAllowed, "8.8.8.8", false),
        (PublicOnly, "127.0.0.1", false),
        (PublicOnly, "8.8.8.8", false),
    ] {
        assert_eq!(
            policy.judge_plain(address.parse().unwrap()).is_ok(),
            allowed,
            "{address}"
        );
    }
}

#[test]
fn a_refusal_tells_a_customer_nothing_about_the_address() {
    let refusal = PublicOnly.judge("10.1.2.3".parse().unwrap()).unwrap_err();
    assert_eq!(refusal.to_string(), "address not allowed");
    assert!(!format!("{refusal:?}").contains("10.1"));
}

/// Any address inside the refused IPv4 blocks.
fn refused_v4() -> impl Strategy<Value = Ipv4Addr> {
    (0..V4_REFUSED.len(), any::<u32>()).prop_map(|(index, noise)| {
        let net = V4_REFUSED[index].0;
        Ipv4Addr::from_bits(net.network().to_bits() | (noise & net.hostmask().to_bits()))
    })
}

/// Every way the IPv6 transition standards carry an IPv4 address.
fn embeddings(inner: Ipv4Addr, prefix: u64, noise: u64) -> Vec<Ipv6Addr> {
    let bits = u128::from(inner.to_bits());
    let network = u128::from(prefix) << 64;
    let low = u128::from(noise);
    let parse = |text: &str| text.parse::<Ipv6Addr>().unwrap().to_bits();
    [
        bits,                                                  // IPv4-compatible
        parse("::ffff:0:0") | bits,                            // IPv4-mapped
        parse("::ffff:0:0:0") | bits,                          // IPv4-translated (SIIT)
        parse("64:ff9b::") | bits,                             // NAT64, well-known prefix
        parse("64:ff9b:1::") | bits,                           // NAT64, local use
        (0x2002 << 112) | (bits << 80) | low,                  // 6to4
        (0x2001 << 112) | (bits << 64) | low,                  // Teredo, as server
        (0x2001 << 112) | (low << 32) | (!bits & 0xffff_ffff), // Teredo, as client
        network | (0x5efe << 32) | bits,                       // ISATAP
        network | (0x0200_5efe << 32) | bits,                  // ISATAP, global
    ]
    .map(Ipv6Addr::from_bits)
    .to_vec()
}

proptest! {
    #[test]
    fn no_refused_ipv4_passes_in_any_ipv6_clothes(
        inner in refused_v4(), prefix: u64, noise: u64,
    ) {
        prop_assert!(PublicOnly.judge(IpAddr::V4(inner)).is_err());
        for outer in embeddings(inner, prefix, noise) {
            prop_assert!(PublicOnly.judge(IpAddr::V6(outer)).is_err(), "{outer}");
        }
        // Inside global unicast only the ISATAP marker betrays the inner address.
        for outer in &embeddings(inner, (prefix >> 3) | (1 << 61), noise)[8..] {
            prop_assert!(PublicOnly.judge(IpAddr::V6(*outer)).is_err(), "{outer}");
        }
    }

    #[test]
    fn nothing_outside_global_unicast_passes_as_ipv6(bits: u128) {
        let address = Ipv6Addr::from_bits(bits);
        if PublicOnly.judge(IpAddr::V6(address)).is_ok() {
            prop_assert!(GLOBAL_UNICAST.contains(&address) || address.to_ipv4_mapped().is_some());
        }
    }
}
