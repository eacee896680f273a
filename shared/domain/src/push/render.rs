//! From what a producer reported and an administrator wrote to what one device is shown.

use super::device::Locale;
use super::event::NotifiableEvent;
use super::message::{Localised, Push, Text};
use super::request::Content;
use super::settings::{Key, Settings};

/// The push of `content` for a device of this language.
///
/// A title or body of the producer's own stands in the place of the template, in every language
/// and without the application's translation.
#[must_use]
pub fn render(
    settings: &Settings,
    event: Option<&'static NotifiableEvent>,
    content: &Content,
    locale: Option<&Locale>,
) -> Push {
    let mut push = Push {
        title: content.title.as_deref().map(Text::plain),
        body: content.body.as_deref().map(Text::plain),
        data: content.data.clone(),
        badge: content.badge,
        sound: content.sound.clone(),
        collapse_id: content.collapse_id.clone(),
        ttl: content.ttl,
        priority: content.priority,
        silent: content.silent,
    };
    if let Some(event) = event {
        let settings = settings.event(event);
        let texts = settings.texts_for(locale);
        let text = |rendered: String, key: &Option<Key>| {
            let localised = key.as_ref().map(|key| localised(key, content));
            (localised.is_some() || !rendered.is_empty()).then_some(Text {
                text: rendered,
                localised,
            })
        };
        if push.title.is_none() {
            push.title = text(texts.title.render(&content.params), &settings.title_key);
        }
        if push.body.is_none() {
            push.body = text(texts.body.render(&content.params), &settings.body_key);
        }
    }
    if push.silent {
        push.title = None;
        push.body = None;
        push.sound = None;
    }
    push
}

/// One push for `count` of a burst: the first of them, and how many more there were.
#[must_use]
pub fn summary(first: Push, count: u64) -> Push {
    let more = count.saturating_sub(1);
    if more == 0 {
        return first;
    }
    let told = first.body.map_or_else(String::new, |body| body.text);
    Push {
        // The application's own strings know nothing of the others.
        body: Some(Text::plain(format!("{told} (+{more})").trim_start())),
        ..first
    }
}

fn localised(key: &Key, content: &Content) -> Localised {
    let value = |name: &String| content.params.get(name).cloned().unwrap_or_default();
    Localised {
        key: key.key.clone(),
        args: key.args.iter().map(value).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::event::find;
    use crate::push::settings::Draft;

    #[test]
    fn a_summary_tells_how_many_more_there_were() {
        let first = Push {
            title: Some(Text::plain("Chess")),
            body: Some(Text::plain("Ann commented")),
            ..Push::default()
        };
        assert_eq!(summary(first.clone(), 1), first);
        let told = summary(first, 5).body.unwrap();
        assert_eq!(told, Text::plain("Ann commented (+4)"));
        assert_eq!(summary(Push::default(), 3).body, Some(Text::plain("(+2)")));
    }

    #[test]
    fn a_device_is_shown_its_language_unless_the_producer_says_it_in_its_own_words() {
        let draft: Draft = serde_json::from_value(serde_json::json!({ "events": [
            { "name": "post.created", "locales": { "de": { "title": "{community}", "body": "Neu von {sender}" } },
              "bodyKey": { "key": "NEW_POST", "args": ["sender", "post"] } }
        ] }))
        .unwrap();
        let settings = draft.check().unwrap();
        let event = find("post.created");
        let content = |json: &str| Content::parse(json).unwrap();
        let ann = content(r#"{"params":{"sender":"Ann","community":"Chess"}}"#);
        let german = Locale::parse("de-AT");
        let shown = render(&settings, event, &ann, german.as_ref());
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.text.clone());
        assert_eq!(text(&shown.title).as_deref(), Some("Chess"));
        assert_eq!(text(&shown.body).as_deref(), Some("Neu von Ann"));
        let key = shown.body.unwrap().localised.unwrap();
        assert_eq!(
            (key.key.as_str(), key.args),
            ("NEW_POST", vec!["Ann".to_owned(), String::new()])
        );
        let english = render(&settings, event, &ann, None);
        assert_eq!(
            text(&english.body).as_deref(),
            Some("Ann created new post in your community.")
        );

        let own = render(
            &settings,
            event,
            &content(r#"{"body":"Own","sound":"x"}"#),
            german.as_ref(),
        );
        assert_eq!((own.title, own.body), (None, Some(Text::plain("Own"))));
        let silent = render(
            &settings,
            event,
            &content(r#"{"silent":true,"sound":"x"}"#),
            None,
        );
        assert_eq!(
            (silent.title, silent.body, silent.sound),
            (None, None, None)
        );
    }
}
