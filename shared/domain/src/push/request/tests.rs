use super::*;

fn parse(json: &str) -> Result<Request, Vec<(String, &'static str)>> {
    let event = EventType::parse("post.created");
    let told = Request::parse(json, event.as_ref());
    told.map_err(|errors| errors.into_iter().map(|e| (e.field, e.rule)).collect())
}

#[test]
fn every_broken_field_is_named_at_once() {
    let errors = parse(
        r#"{"targetIds":["ann",7,""],"channelId":"","senderRoleIds":[""],"params":{"message":"x","sender":1},
            "title":"","badge":-1,"collapseId":"0123456789012345678901234567890123456789012345678901234567890123456",
            "ttlSeconds":9999999,"priority":"low","silent":"no","data":[],"color":"red"}"#,
    )
    .unwrap_err();
    let mut fields: Vec<_> = errors
        .iter()
        .map(|(field, rule)| format!("{field} {rule}"))
        .collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "push.badge range",
            "push.channelId format",
            "push.collapseId format",
            "push.color unknown",
            "push.data type",
            "push.params.message unknown",
            "push.params.sender type",
            "push.priority format",
            "push.senderRoleIds[0] format",
            "push.silent type",
            "push.targetIds[1] format",
            "push.targetIds[2] format",
            "push.title format",
            "push.ttlSeconds range",
        ]
    );
}

#[test]
fn a_push_names_its_audience_one_way() {
    for (json, expected) in [
        (r#"{"targetIds":["a","b","a"]}"#, Ok("targets 2")),
        (r#"{"targetIds":["a"],"communityId":"c"}"#, Ok("targets 1")),
        (r#"{"channelId":"c"}"#, Ok("subscribers 0")),
        (r#"{"broadcast":true}"#, Ok("everyone 0")),
        (
            r#"{"broadcast":true,"channelId":"c"}"#,
            Err("push.broadcast"),
        ),
        (
            r#"{"broadcast":true,"targetIds":["a"]}"#,
            Err("push.broadcast"),
        ),
        (r#"{"broadcast":false}"#, Err("push")),
        (
            r#"{"channelId":"c","communityId":"d"}"#,
            Err("push.communityId"),
        ),
        (r#"{"targetIds":[]}"#, Err("push.targetIds")),
        ("{}", Err("push")),
        ("[]", Err("push")),
    ] {
        let told = parse(json).map(|request| {
            let count = match &request.audience {
                Audience::Targets(users) => users.len(),
                Audience::Subscribers | Audience::Everyone => 0,
            };
            format!("{} {count}", request.audience.word())
        });
        let told = told.map_err(|errors| errors[0].0.clone());
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(told, expected, "{json}");
    }
    let many = |count: usize| {
        let ids: Vec<_> = (0..count).map(|n| format!("\"u{n}\"")).collect();
        parse(&format!(r#"{{"targetIds":[{}]}}"#, ids.join(","))).is_ok()
    };
    assert!(many(MAX_TARGETS) && !many(MAX_TARGETS + 1));
}

#[test]
fn an_event_of_the_networks_own_brings_its_text() {
    let own = EventType::parse("shop.opened");
    let body = |json: &str| Request::parse(json, own.as_ref()).is_ok();
    assert!(!body(r#"{"broadcast":true}"#));
    assert!(body(
        r#"{"broadcast":true,"body":"hi","params":{"anything":"x"}}"#
    ));
    assert!(body(r#"{"broadcast":true,"silent":true}"#));
    assert!(body(r#"{"broadcast":true,"event":"post.created"}"#));
}

#[test]
fn requests_come_back_as_they_were() {
    for json in [
        r#"{"broadcast":true}"#,
        r#"{"channelId":"c","event":"message.created","params":{"message":"hi"},"senderId":"bob","senderRoleIds":["mod"]}"#,
        r#"{"badge":3,"body":"b","collapseId":"x","communityId":"c","data":{"a":"b"},"priority":"normal","silent":true,"sound":"default","targetIds":["a","b"],"title":"t","ttlSeconds":60}"#,
    ] {
        let request = parse(json).unwrap();
        assert_eq!(request.to_json(), json);
        assert_eq!(
            Content::parse(&request.content.to_json()),
            Some(request.content)
        );
    }
}
