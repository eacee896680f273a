//! The 38 notifiable events of social.plus, as data.
//!
//! Names, modules and groups are the product's. It publishes neither the placeholders of an event
//! nor most of its texts, so `parameters` and the texts without a source are ours.

/// What a person turns pushes on and off by. Stories are not a module: they belong to `social`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Module {
    /// Channels and messages.
    Chat,
    /// Posts, comments, stories, follows, communities and their calendar.
    Social,
    /// Live streams outside a community.
    VideoStreaming,
}

impl Module {
    /// Every module, in the order of the console.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Social, Self::VideoStreaming];

    /// The name on the wire, as social.plus writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Social => "social",
            Self::VideoStreaming => "video-streaming",
        }
    }

    /// The exact reverse of [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|module| module.word() == word)
    }
}

/// The heading that an event has on the console's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Channels and messages.
    Chat,
    /// Posts.
    Post,
    /// Comments and their replies.
    Comment,
    /// Stories and what is said of them.
    Story,
    /// Follows, roles and changes of a community.
    Community,
    /// The calendar of a community.
    EventGroups,
    /// Live streams.
    LiveStream,
}

impl Group {
    /// The name on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Post => "post",
            Self::Comment => "comment",
            Self::Story => "story",
            Self::Community => "community",
            Self::EventGroups => "event-groups",
            Self::LiveStream => "live-stream",
        }
    }
}

/// An event that may become a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifiableEvent {
    /// As on the wire, e.g. `message.created`.
    pub name: &'static str,
    /// What users and administrators turn it off by.
    pub module: Module,
    /// Where the page shows it.
    pub group: Group,
    /// What its templates may name, as `{sender}`.
    pub parameters: &'static [&'static str],
    /// Used until an administrator writes another; may be empty.
    pub title: &'static str,
    /// Used until an administrator writes another; never empty.
    pub body: &'static str,
    /// Whether it counts as intended, for coverage, until an administrator says otherwise.
    pub intended: bool,
}

/// The event of this name; `None` when it is not notifiable.
#[must_use]
pub fn find(name: &str) -> Option<&'static NotifiableEvent> {
    EVENTS.iter().find(|event| event.name == name)
}

macro_rules! events {
    ($($module:ident $group:ident $name:literal [$($parameter:literal)*] $title:literal $body:literal;)+) => {
        /// Every notifiable event, in the order of the page.
        pub const EVENTS: &[NotifiableEvent] = &[$(NotifiableEvent {
            name: $name,
            module: Module::$module,
            group: Group::$group,
            parameters: &[$($parameter),*],
            title: $title,
            body: $body,
            intended: true,
        }),+];
    };
}

events! {
    Chat Chat "channel.created" ["sender" "channel"] "{channel}" "You're now member of {channel}!";
    Chat Chat "channel.joined" ["sender" "channel"] "{sender}" "{sender} has joined {channel}";
    Chat Chat "conversation-channel.joined" ["sender" "channel"] "{sender}" "{sender} has joined {channel}";
    Chat Chat "message.created" ["sender" "channel" "message"] "{sender} ({channel})" "{message}";
    Chat Chat "conversation-message.created" ["sender" "channel" "message"] "{sender}" "{message}";
    Chat Chat "text-mention-message.created" ["sender" "channel" "message"] "{sender} ({channel})" "{sender} mentioned you: {message}";
    Chat Chat "text-message.created" ["sender" "channel" "message"] "{sender} ({channel})" "{message}";
    Chat Chat "image-message.created" ["sender" "channel"] "{sender} ({channel})" "Image Message";
    Chat Chat "file-message.created" ["sender" "channel" "file"] "{sender} ({channel})" "Special message";
    Chat Chat "conversation-text-message.created" ["sender" "channel" "message"] "{sender}" "{message}";
    Chat Chat "conversation-image-message.created" ["sender" "channel"] "{sender}" "Image Message";
    Chat Chat "conversation-file-message.created" ["sender" "channel" "file"] "{sender}" "Special message";

    Social Post "post.created" ["sender" "community" "post"] "{community}" "{sender} created new post in your community.";
    Social Post "post.reacted" ["sender" "community" "post" "reaction"] "" "{sender} reacted to your post";
    Social Post "post.approved" ["community" "post"] "{community}" "Your post has been approved";
    Social Post "post.need-reviewing" ["sender" "community" "post"] "{community}" "A post by {sender} requires your review";
    Social Post "text-mention-post.created" ["sender" "community" "post"] "{community}" "{sender} mentioned you in a post";
    Social Post "text-mention-user-feed-post.created" ["sender" "post"] "{sender}" "{sender} mentioned you in a post";
    Social Post "video-streaming-post.created" ["sender" "community" "stream"] "{community}" "{sender} started a live stream";

    Social Comment "comment.created" ["sender" "community" "comment"] "" "{sender} commented to your post";
    Social Comment "comment.replied" ["sender" "community" "comment"] "" "{sender} replied to your comment";
    Social Comment "comment.reacted" ["sender" "community" "comment" "reaction"] "" "{sender} reacted to your comment";
    Social Comment "text-mention-comment.created" ["sender" "community" "comment"] "{community}" "{sender} mentioned you in a comment";
    Social Comment "text-mention-comment.replied" ["sender" "community" "comment"] "{community}" "{sender} mentioned you in a reply";
    Social Comment "text-mention-user-feed-comment.created" ["sender" "comment"] "{sender}" "{sender} mentioned you in a comment";
    Social Comment "text-mention-user-feed-comment.replied" ["sender" "comment"] "{sender}" "{sender} mentioned you in a reply";
    Social Comment "story-comment.created" ["sender" "community" "comment" "story"] "{community}" "{sender} commented on your story";

    Social Story "story.created" ["sender" "community" "story"] "{community}" "{sender} created a new story";
    Social Story "story.reacted" ["sender" "community" "story" "reaction"] "{community}" "{sender} reacted to your story";

    Social Community "follow.created" ["sender"] "" "{sender} started following you";
    Social Community "follow.requested" ["sender"] "" "{sender} asked to follow you";
    Social Community "follow.accepted" ["sender"] "" "{sender} accepted your follow request";
    Social Community "community.roleAdded" ["sender" "community" "role"] "{community}" "You now have the role {role}";
    Social Community "community.updated" ["sender" "community"] "{community}" "{community} was updated";

    Social EventGroups "event.created" ["sender" "community" "event" "time"] "{community}" "{sender} created the event {event}";
    Social EventGroups "event.started" ["community" "event" "time"] "{event}" "{event} has started";
    Social EventGroups "event.reminder" ["community" "event" "time"] "{event}" "{event} is about to start";

    VideoStreaming LiveStream "video-streaming.didStart" ["sender" "stream"] "{sender}" "{sender} started a live stream";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_type::EventType;
    use crate::push::template::Template;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_holds_38_distinct_names_whose_texts_are_templates_of_their_own_parameters() {
        let names: BTreeSet<_> = EVENTS.iter().map(|event| event.name).collect();
        assert_eq!((EVENTS.len(), names.len()), (38, 38));
        for event in EVENTS {
            assert!(EventType::parse(event.name).is_some(), "{}", event.name);
            assert_eq!(find(event.name), Some(event));
            Template::title(event.title, event.parameters).unwrap();
            Template::body(event.body, event.parameters).unwrap();
            assert!(!event.body.is_empty(), "{}", event.name);
        }
        for (module, count) in [
            (Module::Chat, 12),
            (Module::Social, 25),
            (Module::VideoStreaming, 1),
        ] {
            assert_eq!(
                EVENTS.iter().filter(|event| event.module == module).count(),
                count
            );
            assert_eq!(Module::parse(module.word()), Some(module));
        }
    }
}
