use super::*;
use domain::id::DeliveryId;
use proptest::prelude::*;

const AT: Timestamp = Timestamp::EPOCH;

#[test]
fn an_event_sent_straight_to_the_queue_is_read_or_refused_with_the_reason() {
    let body = r#"{"networkId":"demo","event":"a.b","data":{"x":1}}"#;
    let reported = read_event(body, AT, "m-1").unwrap();
    let again = read_event(body, AT, "m-1").unwrap();
    let event = &reported.event;
    assert_eq!(event.id, again.event.id, "no id: derived from the message");
    assert_eq!(event.timestamp, AT);
    // Sent back after trouble, as a new message much later, it still is the same event.
    let back = resend_event(&reported);
    let back = read_event(&back, AT.after(std::time::Duration::from_secs(9)), "m-2").unwrap();
    assert_eq!((&back.event.id, back.event.accepted), (&event.id, AT));
    assert_eq!((back.message_id.as_str(), back.resent), ("m-1", 1));
    assert_eq!(
        owner(r#"{"networkId":"demo","x":1}"#),
        NetworkId::parse("demo")
    );
    assert_eq!(owner("garbage"), None);
    let network = NetworkId::parse("demo").unwrap();
    let about = EndpointId::from_bytes([3; 16]);
    let news = News {
        name: "endpoint.degraded",
        about: Some(about),
        data: serde_json::json!({ "endpointId": "x" }),
    };
    let body = write_news(&network, &event.id, &news, AT);
    let told = read_event(&body, AT, "m-3").unwrap();
    assert_eq!(told.audience, Audience::AllBut(about));
    let back = read_event(&resend_event(&told), AT, "m-4").unwrap();
    assert_eq!(
        (back.origin, back.audience),
        (Origin::Fanfare, told.audience)
    );
    let body = write_test(&network, &event.id, &event.event_type, &event.data, about);
    let test = read_event(&body, AT, "m-5").unwrap();
    assert_eq!(test.audience, Audience::Only(about));
    // Who was let in stays let in, also when sent back; who was not is asked.
    let again = read_event(&resend_event(&test), AT, "m-6").unwrap();
    assert_eq!(
        [again.admitted, back.admitted, reported.admitted],
        [true, true, false]
    );
    for (body, expected) in [
        (
            r#"{"networkId":"demo","event":"endpoint.degraded","data":{}}"#,
            "event: is a type that Fanfare itself reports",
        ),
        ("garbage", "not the JSON"),
        ("{}", "missing field `networkId`"),
        (
            r#"{"networkId":"demo","event":"a.b","data":{},"extra":1}"#,
            "unknown field `extra`",
        ),
        (
            r#"{"networkId":"DEMO!","event":"a.b","data":{}}"#,
            "networkId: must be",
        ),
        (
            r#"{"networkId":"demo","event":"a b","data":[]}"#,
            "data: must be a JSON object",
        ),
        (
            r#"{"networkId":"demo","event":"a.b","data":{"n":1e999}}"#,
            "data: must be JSON that every parser reads alike",
        ),
        (r#"{"networkId":"demo","event":"a.b","data":{}"#, "EOF"),
    ] {
        let error = read_event(body, AT, "m-1").unwrap_err();
        let text = format!("{error}");
        assert!(text.contains(expected), "{body}: {text}");
    }
    let huge = format!(
        r#"{{"networkId":"demo","event":"a.b","data":{{"x":"{}"}}}}"#,
        "y".repeat(300_000)
    );
    assert!(
        read_event(&huge, AT, "m-1")
            .unwrap_err()
            .to_string()
            .contains("262144")
    );
}

fn turns() -> impl Strategy<Value = Turn> {
    prop_oneof![
        Just(Turn::Unasked),
        Just(Turn::Come),
        any::<u32>().prop_map(Turn::SentAway),
        (0_u64..(1 << 47), any::<u64>(), 0_u32..3).prop_map(|(at, since, missed)| {
            Turn::Reserved {
                at: Timestamp::from_millis(at),
                since,
                missed,
            }
        }),
    ]
}

#[test]
fn a_moment_that_an_earlier_version_kept_has_come() {
    let event = EventId::parse("evt_1").unwrap();
    let delivery = DeliveryId::of(EndpointId::from_bytes([7; 16]), AT, &event);
    for (reserved, turn) in [(true, Turn::Come), (false, Turn::Unasked)] {
        let body = serde_json::json!({
            "networkId": "demo", "deliveryId": delivery.to_string(), "eventId": "evt_1",
            "attempt": 1, "endpointVersion": 3, "reserved": reserved,
        });
        let read = DeliveryMessage::read(&body.to_string()).unwrap();
        assert_eq!(read.turn, turn);
    }
}

proptest! {
    #[test]
    fn messages_come_back_as_they_were_sent(
        owner: [u8; 16], millis in 0_u64..(1 << 47), attempt in 1_u32..9, version: u64, repeated: bool, first_sent in proptest::option::of(0_u64..(1 << 47)), slow: bool, turn in turns(), rides: bool, text in ".{0,40}"
    ) {
        let event = EventId::parse("evt_1").unwrap();
        let accepted = Timestamp::from_millis(millis);
        let data = RawValue::from_string(serde_json::json!({ "t": text }).to_string()).unwrap();
        let sent = DeliveryMessage {
            network: NetworkId::parse("demo").unwrap(),
            delivery: DeliveryId::of(EndpointId::from_bytes(owner), accepted, &event),
            event,
            attempt,
            endpoint_version: version,
            repeated,
            first_sent: first_sent.map(Timestamp::from_millis),
            slow,
            turn,
            body: rides.then(|| EventBody {
                event_type: EventType::parse("a.b").unwrap(),
                timestamp: accepted,
                version: "1".to_owned(),
                data: data.clone(),
            }),
        };
        let read = DeliveryMessage::read(&sent.write()).unwrap();
        prop_assert_eq!(read.write(), sent.write());
        prop_assert_eq!(read.group().ends_with("/late"), attempt > 1 || repeated);
        prop_assert_eq!((read.turn, read.slow, read.first_sent), (turn, slow, sent.first_sent));
        prop_assert_eq!(read.riding_event().map(|e| e.data.get().to_owned()), rides.then(|| data.get().to_owned()));
    }

    #[test]
    fn no_body_makes_the_parsers_panic(body in ".{0,200}") {
        let _ = read_event(&body, AT, "m");
        let _ = DeliveryMessage::read(&body);
    }
}
