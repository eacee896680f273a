//! The client as every deployment runs it, `AddressPolicy::PublicOnly`, in a made-up network.
//!
//! Names resolve to whatever a test says, and connections are opened by a [`Wire`], which notes
//! each address it is asked for and never leaves this machine. So public addresses can be allowed
//! for real, and what was refused shows as an address that nobody asked for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use domain::address::AddressPolicy::{self, LoopbackAllowed, PublicOnly};
use domain::webhook_url::WebhookUrl;
use outbound::{Client, Dialer, Failure, FailureKind, Resolver, Socket};
use rustls::version::TLS13;
use tokio::net::{TcpListener, TcpStream};

use crate::receiver::{AMPLE, Receiver, answering, post, request};
use crate::tls::{Authority, NAME};

/// The blocks of IANA's special-purpose registries and of the clouds that may never be called,
/// written down again here, so that a slip in the client's own table is a failure.
const BLOCKS: &str = "
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12
    192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16
    192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    ::/8 ::/128 ::1/128 ::/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64
    2001::/23 2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32
    2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16
    2620:4f:8000::/48 3ffe::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
";

/// Global unicast: outside of it every IPv6 address is refused.
const GLOBAL_UNICAST: &str = "2000::/3";

/// A block's first and last address, as numbers.
#[derive(Clone, Copy)]
struct Block {
    v4: bool,
    first: u128,
    last: u128,
}

impl Block {
    fn parse(text: &str) -> Self {
        let (address, prefix) = text.split_once('/').unwrap();
        let prefix: u32 = prefix.parse().unwrap();
        let (v4, first, width) = match address.parse().unwrap() {
            IpAddr::V4(v4) => (true, u128::from(v4.to_bits()), 32),
            IpAddr::V6(v6) => (false, v6.to_bits(), 128),
        };
        let host = u128::MAX
            .checked_shr(128 - width + prefix)
            .unwrap_or_default();
        Self {
            v4,
            first,
            last: first | host,
        }
    }

    fn address(self, bits: u128) -> IpAddr {
        if self.v4 {
            IpAddr::V4(u32::try_from(bits).unwrap().into())
        } else {
            IpAddr::V6(bits.into())
        }
    }

    fn holds(self, address: IpAddr) -> bool {
        let (v4, bits) = match address {
            IpAddr::V4(v4) => (true, u128::from(v4.to_bits())),
            IpAddr::V6(v6) => (false, v6.to_bits()),
        };
        v4 == self.v4 && (self.first..=self.last).contains(&bits)
    }

    /// The addresses just outside; none where the address space ends.
    fn neighbours(self) -> impl Iterator<Item = IpAddr> {
        let end = if self.v4 {
            u128::from(u32::MAX)
        } else {
            u128::MAX
        };
        let before = self.first.checked_sub(1);
        let after = self.last.checked_add(1).filter(|bits| *bits <= end);
        before
            .into_iter()
            .chain(after)
            .map(move |bits| self.address(bits))
    }
}

fn blocks() -> Vec<Block> {
    BLOCKS.split_whitespace().map(Block::parse).collect()
}

fn is_refused(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let unallocated = address.is_ipv6() && !Block::parse(GLOBAL_UNICAST).holds(address);
    unallocated || blocks().iter().any(|block| block.holds(address))
}

/// Opens connections to one receiver, whatever the address, and remembers which was asked for.
#[derive(Clone, Default)]
struct Wire {
    asked: Arc<Mutex<Vec<SocketAddr>>>,
    to: Option<SocketAddr>,
}

impl Wire {
    fn to(receiver: &Receiver) -> Self {
        Self {
            to: Some(receiver.address),
            ..Self::default()
        }
    }

    fn asked(&self) -> Vec<SocketAddr> {
        self.asked.lock().unwrap().clone()
    }

    fn dialer(&self) -> Dialer {
        let Self { asked, to } = self.clone();
        Dialer::from_fn(move |address| {
            asked.lock().unwrap().push(address);
            Box::pin(async move {
                let to = to.ok_or(io::ErrorKind::ConnectionRefused)?;
                Ok(Socket::Tcp(TcpStream::connect(to).await?))
            })
        })
    }
}

fn deployed(resolver: Resolver, wire: &Wire) -> outbound::Builder {
    Client::builder(PublicOnly)
        .resolver(resolver)
        .dialer(wire.dialer())
}

/// Posts to a name that resolves to these.
async fn failing(answers: &[&str]) -> (Failure, Vec<SocketAddr>) {
    let wire = Wire::default();
    let client = deployed(answering(&[answers]), &wire).build();
    let failure = post(&client, "https://receiver.example/")
        .await
        .unwrap_err();
    (failure, wire.asked())
}

fn check_refused(failure: &Failure, what: &str) {
    assert!(
        matches!(failure.kind, FailureKind::AddressRefused(_)),
        "{what}: {failure:?}"
    );
    // The customer hears no more than this.
    assert_eq!(failure.to_string(), "address not allowed");
}

async fn check(address: IpAddr) {
    let written = match address {
        IpAddr::V4(v4) => format!("https://{v4}/"),
        IpAddr::V6(v6) => format!("https://[{v6}]/"),
    };
    let (failure, asked) = failing(&[&address.to_string()]).await;
    if is_refused(address) {
        check_refused(&failure, &written);
        assert_eq!(asked, []);
        assert!(
            WebhookUrl::parse(&written, PublicOnly).is_err(),
            "{written}"
        );
    } else {
        assert_eq!(failure.kind, FailureKind::ConnectFailed, "{written}");
        assert_eq!(asked, [SocketAddr::new(address.to_canonical(), 443)]);
        assert!(WebhookUrl::parse(&written, PublicOnly).is_ok(), "{written}");
    }
}

#[tokio::test]
async fn each_block_is_refused_from_first_to_last_and_its_neighbours_are_what_they_are() {
    let mut allowed = 0;
    for block in blocks() {
        for end in [block.first, block.last] {
            assert!(is_refused(block.address(end)));
            check(block.address(end)).await;
        }
        for neighbour in block.neighbours() {
            allowed += usize::from(!is_refused(neighbour));
            check(neighbour).await;
        }
    }
    // The table would prove little if everything next to a block were refused too.
    assert!(allowed > 40, "{allowed}");
}

/// The same for every IPv4 block, and so for both ends of `::ffff:0:0/96`, in the one IPv6 notation that stands for IPv4.
#[tokio::test]
async fn a_mapped_address_is_what_it_wraps() {
    for block in blocks().into_iter().filter(|block| block.v4) {
        let ends = [block.first, block.last].map(|bits| block.address(bits));
        for address in ends.into_iter().chain(block.neighbours()) {
            if let IpAddr::V4(v4) = address {
                check(IpAddr::V6(v4.to_ipv6_mapped())).await;
            }
        }
    }
}

/// What answers at these addresses only does so to whoever is inside: our own runtime first.
const INSIDE: [(&str, &str); 16] = [
    ("Lambda runtime API", "127.0.0.1:9001"),
    ("Lambda runtime API of a sandbox", "169.254.100.1:9001"),
    ("Lambda telemetry API", "169.254.76.1:1338"),
    ("X-Ray daemon", "169.254.79.129:2000"),
    ("instance metadata", "169.254.169.254:80"),
    ("instance metadata over IPv6", "[fd00:ec2::254]:80"),
    ("instance metadata, mapped", "[::ffff:169.254.169.254]:80"),
    ("instance metadata, NAT64", "[64:ff9b::169.254.169.254]:80"),
    ("instance metadata, 6to4", "[2002:a9fe:a9fe::]:80"),
    ("container credentials", "169.254.170.2:80"),
    ("pod identity credentials", "169.254.170.23:80"),
    ("pod identity credentials over IPv6", "[fd00:ec2::23]:80"),
    ("resolver", "169.254.169.253:53"),
    ("resolver over IPv6", "[fd00:ec2::253]:53"),
    ("time", "169.254.169.123:123"),
    ("a neighbour in the subnet", "10.0.1.17:443"),
];

#[tokio::test]
async fn what_answers_inside_lambda_is_never_asked() {
    for (what, place) in INSIDE {
        for path in ["/", "/2018-06-01/runtime/invocation/next"] {
            let url = format!("https://{place}{path}");
            assert!(WebhookUrl::parse(&url, PublicOnly).is_err(), "{what}");
        }
        let place: SocketAddr = place.parse().unwrap();
        let (failure, asked) = failing(&[&place.ip().to_string()]).await;
        check_refused(&failure, what);
        assert_eq!(asked, [], "{what}");
    }
}

#[tokio::test]
async fn one_bad_answer_among_good_ones_refuses_the_name() {
    for bad in [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "fd00:ec2::254",
        "::",
    ] {
        for answers in [
            [bad, "8.8.8.8", "1.1.1.1"],
            ["8.8.8.8", bad, "1.1.1.1"],
            ["8.8.8.8", "2606:4700:4700::1111", bad],
        ] {
            let (failure, asked) = failing(&answers).await;
            check_refused(&failure, bad);
            assert_eq!(asked, [], "{answers:?}");
        }
    }
}

/// The answer that was judged is the one that is connected to; nobody asks again in between.
#[tokio::test]
async fn the_judged_address_is_the_dialed_one_and_a_rebound_name_is_judged_again() {
    let authority = Authority::new("known");
    let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[&TLS13], &[])).await;
    let wire = Wire::to(&receiver);
    let rebinding = answering(&[&["8.8.8.8"], &["127.0.0.1"], &["9.9.9.9", "127.0.0.1"]]);
    let client = deployed(rebinding, &wire)
        .extra_root(authority.root())
        .unwrap()
        .connection_max_age(std::time::Duration::ZERO)
        .build();
    let url = format!("https://{NAME}:8443/in");
    let answer = post(&client, &url).await.unwrap();
    assert_eq!(answer.connection.address, Some([8, 8, 8, 8].into()));
    let good = [SocketAddr::from(([8, 8, 8, 8], 8443))];
    assert_eq!(wire.asked(), good);
    // The name stays: it is what the certificate was checked for, and what the receiver hears.
    assert_eq!(
        receiver.log.requests()[0].headers()["host"],
        format!("{NAME}:8443")
    );
    for _ in 0..2 {
        check_refused(&post(&client, &url).await.unwrap_err(), "rebound");
    }
    assert_eq!(
        (wire.asked(), receiver.log.requests().len()),
        (good.to_vec(), 1)
    );
}

#[tokio::test]
async fn no_redirect_leads_inside() {
    let authority = Authority::new("known");
    let receiver = Receiver::tls(authority.acceptor((2020, 2049), &[&TLS13], &[])).await;
    let wire = Wire::to(&receiver);
    let client = deployed(answering(&[&["8.8.8.8"]]), &wire)
        .extra_root(authority.root())
        .unwrap()
        .build();
    for (sent, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let url = format!("https://{NAME}/redirect-{status}");
        let answer = post(&client, &url).await.unwrap();
        assert_eq!(answer.status, status);
        let place = answer.headers["location"].to_str().unwrap();
        assert!(place.contains("169.254.169.254"), "{place}");
        assert_eq!(receiver.log.requests().len(), sent + 1);
    }
    assert_eq!(wire.asked(), [SocketAddr::from(([8, 8, 8, 8], 443))]);
}

/// Every way to write loopback, or to hide it in a URL, that the WHATWG parser, resolvers or
/// people know. `PORT` stands for the canary's, `<TAB>` for one.
const HIDING_PLACES: &str = "
    127.0.0.1:PORT 127.1:PORT 127.0.1:PORT 127.255.255.254:PORT 0.0.0.0:PORT 0:PORT
    2130706433:PORT 017700000001:PORT 0x7f000001:PORT 0x7F.0X0.0x0.0x1:PORT 0177.0.0.1:PORT
    0177.0.0.01:PORT 0x7f.1:PORT 0x7f.0.1:PORT 127.0x1:PORT 00000177.0.0.1:PORT 127.0.0.1.:PORT
    0x7f000001.:PORT %31%32%37.0.0.1:PORT 127%2e0%2e0%2e1:PORT %6cocalhost:PORT
    １２７.0.0.1:PORT ①②⑦.⓪.⓪.①:PORT 127。0。0。1:PORT 127．0．0．1:PORT 127｡0｡0｡1:PORT
    𝟏𝟐𝟕.0.0.1:PORT 127.0.0.1%09:PORT 1\u{AD}27.0.0.1:PORT
    [::1]:PORT [::]:PORT [0:0:0:0:0:0:0:1]:PORT [0000::0001]:PORT [::ffff:127.0.0.1]:PORT
    [::ffff:7f00:1]:PORT [::FFFF:7F00:0001]:PORT [0:0:0:0:0:ffff:127.0.0.1]:PORT
    [::127.0.0.1]:PORT [::7f00:1]:PORT [::ffff:0:127.0.0.1]:PORT [64:ff9b::127.0.0.1]:PORT
    [64:ff9b:1::7f00:1]:PORT [2002:7f00:1::]:PORT [2001:0:7f00:1::]:PORT
    [2001:0:0:0:0:0:80ff:fffe]:PORT [2001:470::5efe:127.0.0.1]:PORT
    [2001:470::200:5efe:7f00:1]:PORT [::1%25lo]:PORT [::1%lo]:PORT [fe80::1%251]:PORT [::1:PORT
    localhost:PORT LOCALHOST:PORT localhost.:PORT ⓛocalhost:PORT loc\u{AD}alhost:PORT
    app.localhost:PORT receiver.internal:PORT printer.local:PORT backend:PORT
    user@127.0.0.1:PORT user:pass@localhost:PORT example.com@127.0.0.1:PORT
    example.com:443@[::1]:PORT :@127.0.0.1:PORT 127.0.0.1:PORT#@example.com
    127.0.0.1:PORT\\@example.com 127.0.0.1:PORT/?@example.com //127.0.0.1:PORT
    \\127.0.0.1:PORT 127.0.0.1:0PORT 127.0.0.1<TAB>:PORT 12<TAB>7.0.0.1:PORT
";

/// The canary is real, and so are resolver and sockets. Only what the policy refuses is ever
/// attempted: a URL it let through fails the test before anything is sent.
#[tokio::test]
async fn no_hiding_place_leads_to_a_canary_on_loopback() {
    let canary = Receiver::plain().await;
    let port = canary.address.port();
    // The same port over IPv6, where the machine has it.
    let over_v6 = TcpListener::bind(("::1", port)).await.ok();
    let to_itself = Resolver::from_fn(|_| Box::pin(async { Ok(vec![[127, 0, 0, 1].into()]) }));
    let client = |policy: AddressPolicy| {
        let builder = Client::builder(policy);
        builder.resolver(to_itself.clone()).build()
    };
    let mut attempted = 0;
    for place in HIDING_PLACES.split_whitespace() {
        // The URL parser takes tabs away, wherever they are.
        let place = place
            .replace("PORT", &port.to_string())
            .replace("<TAB>", "\t");
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{place}");
            assert!(WebhookUrl::parse(&url, PublicOnly).is_err(), "{url}");
            // What the laxer policy of the local runner makes a URL of goes to the guarded client.
            if let Ok(lax) = WebhookUrl::parse(&url, LoopbackAllowed) {
                attempted += 1;
                let request = outbound::Request {
                    url: lax,
                    ..request("http://localhost/", AMPLE)
                };
                let failure = client(PublicOnly).post(request).await.unwrap_err();
                check_refused(&failure, &url);
                assert_eq!(failure.connection.address, None);
            }
        }
    }
    assert!(attempted > 60, "{attempted}");
    assert_eq!(canary.log.connections(), 0);
    if let Some(listener) = over_v6 {
        let knocked = tokio::select! {
            biased;
            _ = listener.accept() => true,
            () = std::future::ready(()) => false,
        };
        assert!(!knocked);
    }
    // It does sing.
    post(&client(LoopbackAllowed), &canary.url("/"))
        .await
        .unwrap();
    assert_eq!(canary.log.connections(), 1);
}

/// `02130706433` is octal for 17.200.126.27 and `1.0.0.127` is no loopback: not every odd
/// notation is an attack, and a rule that refused those would be a wrong one.
#[test]
fn odd_notations_of_public_addresses_are_those_addresses() {
    for (written, address) in [
        ("134744072", "8.8.8.8"),
        ("0x08080808", "8.8.8.8"),
        ("010.010.010.010", "8.8.8.8"),
        ("8.526344", "8.8.8.8"),
        ("1.0.0.127", "1.0.0.127"),
    ] {
        let url = WebhookUrl::parse(&format!("https://{written}/"), PublicOnly).unwrap();
        assert_eq!(url.host(), address);
    }
}
