//! Events as a social.plus network sends them: names and data keys of its catalogue.

use serde_json::{Value, json};

/// The `number`-th event of the demo, with an id of its own.
pub(super) fn event(number: u32) -> Value {
    let user = user(number);
    let (name, data) = match number % 10 {
        0..=3 => (
            "message.didCreate",
            json!({ "messages": [message(number)], "users": [user] }),
        ),
        4 => (
            "message.didAddReaction",
            json!({ "messages": [message(number)], "users": [user], "files": [], "reactor": reactor(number) }),
        ),
        5 | 6 => (
            "v3.post.didCreate",
            json!({
                "posts": [post(number)], "postChildren": [], "comments": [], "users": [user], "files": [],
                "communities": [community(number)], "communityUsers": [], "categories": [], "feeds": [],
                "videoStreamings": [],
            }),
        ),
        7 => (
            "v3.comment.didCreate",
            json!({ "comments": [comment(number)], "commentChildren": [], "communityUsers": [], "users": [user], "files": [] }),
        ),
        8 => ("user.didFlag", json!({ "users": [user], "files": [] })),
        _ => (
            "follow.didCreate",
            json!({ "from": user_id(number), "to": user_id(number + 7), "status": "accepted", "createdAt": AT, "updatedAt": AT }),
        ),
    };
    json!({ "id": id(number), "event": name, "data": data })
}

/// The id of the `number`-th event.
pub(super) fn id(number: u32) -> String {
    format!("demo-{number:07}")
}

const AT: &str = "2026-11-23T09:00:00.000Z";

fn user_id(number: u32) -> String {
    format!("user-{}", number % 500)
}

fn user(number: u32) -> Value {
    let number = number % 500;
    json!({
        "_id": format!("usr-{number:06}"), "path": format!("/users/usr-{number:06}"),
        "userId": user_id(number), "roles": ["member"], "permissions": [],
        "displayName": format!("User {number}"), "description": "", "avatarFileId": null,
        "flagCount": 0, "hashFlag": null, "metadata": { "locale": "en" }, "isGlobalBan": false,
        "createdAt": AT, "updatedAt": AT,
    })
}

fn message(number: u32) -> Value {
    json!({
        "_id": format!("msg-{number:08}"), "path": format!("/messages/msg-{number:08}"),
        "messageId": format!("msg-{number:08}"), "channelId": format!("channel-{}", number % 40),
        "userId": user_id(number), "type": "text",
        "data": { "text": format!("Message {number}: see you at eight? Ünïcode and \"quotes\" travel too.") },
        "channelSegment": number, "parentId": null, "tags": ["demo"], "metadata": {}, "flagCount": 0,
        "childrenNumber": 0, "reactionsCount": 0, "reactions": {}, "isDeleted": false,
        "createdAt": AT, "updatedAt": AT, "editedAt": AT,
    })
}

fn post(number: u32) -> Value {
    json!({
        "_id": format!("post-{number:08}"), "path": format!("/posts/post-{number:08}"),
        "postId": format!("post-{number:08}"), "parentPostId": null,
        "postedUserId": user_id(number), "targetId": format!("community-{}", number % 20),
        "targetType": "community", "dataType": "text",
        "data": { "text": format!("Post {number}: photos of the hike are up.") }, "metadata": {},
        "flagCount": 0, "reactions": {}, "reactionsCount": 0, "commentsCount": 0, "comments": [],
        "children": [], "isDeleted": false, "tags": [], "createdAt": AT, "updatedAt": AT, "editedAt": AT,
    })
}

fn comment(number: u32) -> Value {
    json!({
        "_id": format!("cmt-{number:08}"), "commentId": format!("cmt-{number:08}"),
        "userId": user_id(number), "parentId": null, "referenceType": "post",
        "referenceId": format!("post-{:08}", number / 2), "dataType": "text",
        "data": { "text": "Count me in!" }, "metadata": {}, "flagCount": 0, "reactions": {},
        "reactionsCount": 0, "isDeleted": false, "createdAt": AT, "updatedAt": AT, "editedAt": AT,
    })
}

fn community(number: u32) -> Value {
    let number = number % 20;
    json!({
        "_id": format!("com-{number:04}"), "communityId": format!("community-{number}"),
        "channelId": format!("channel-{number}"), "displayName": format!("Community {number}"),
        "description": "", "isOfficial": false, "isPublic": true, "tags": [], "metadata": {},
        "postsCount": 12, "membersCount": 340, "isDeleted": false, "createdAt": AT, "updatedAt": AT,
    })
}

fn reactor(number: u32) -> Value {
    json!({
        "reactionName": "like", "userId": user_id(number),
        "reactionId": format!("rct-{number:08}"), "createdAt": AT,
    })
}
