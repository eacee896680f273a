use super::*;
use proptest::prelude::*;

fn seen(status: u16, retry_after: Option<u64>, control: Option<&str>) -> Verdict {
    let wishes = Wishes {
        retry_after: retry_after.map(Duration::from_secs),
        control: Control::parse(control),
    };
    judge(Seen::Answer { status, wishes })
}

#[test]
fn only_2xx_succeeds_and_each_status_has_its_effect() {
    for status in 100..=599 {
        let verdict = seen(status, Some(7), None);
        let succeeded = (200..300).contains(&status);
        assert_eq!(verdict.outcome == Outcome::Succeeded, succeeded, "{status}");
        let wait = Some(Duration::from_secs(7)).filter(|_| !succeeded);
        let demand = match status {
            410 => Demand::Disable(disabled::GONE),
            429 | 502 | 504 => Demand::Slow(wait),
            _ => Demand::Nothing,
        };
        assert_eq!(
            (verdict.demand, verdict.retry_after),
            (demand, wait),
            "{status}"
        );
        assert!(!verdict.last && verdict.explanation.contains(&status.to_string()));
    }
}

#[test]
fn receivers_steer_with_a_header() {
    for (status, control, demand, last) in [
        (500, "disable", Demand::Disable(disabled::ASKED), false),
        (200, " Disable ", Demand::Disable(disabled::ASKED), false),
        (500, "abort-message", Demand::Nothing, true),
        (429, "abort-message", Demand::Slow(None), true),
        (200, "abort-message", Demand::Nothing, false),
        (500, "dance", Demand::Nothing, false),
        (
            500,
            "dance, disable",
            Demand::Disable(disabled::ASKED),
            false,
        ),
        (
            500,
            "abort-message,disable",
            Demand::Disable(disabled::ASKED),
            true,
        ),
    ] {
        let verdict = seen(status, None, Some(control));
        assert_eq!(
            (verdict.demand, verdict.last),
            (demand, last),
            "{status} {control}"
        );
    }
}

#[test]
fn lines_of_one_header_add_up() {
    let both = Control {
        disable: true,
        abort_message: true,
    };
    assert_eq!(Control::parse(["abort-message", "disable"]), both);
    assert_eq!(Control::parse([]), Control::default());
}

#[test]
fn a_wait_that_was_asked_for_is_told() {
    for (asked, expected) in [
        (
            120,
            "; it asked with retry-after for a wait of 120 s at least",
        ),
        (
            36_000,
            "for a wait of 36000 s or more, which is as long as any is heeded",
        ),
    ] {
        let verdict = seen(503, Some(asked), None);
        assert!(
            verdict.explanation.ends_with(expected),
            "{}",
            verdict.explanation
        );
        assert!(!seen(200, Some(asked), None).explanation.contains("wait"));
    }
}

#[test]
fn retry_after_is_seconds_or_a_date_and_nothing_else() {
    // RFC 9110 §5.6.7 has the three forms of one instant.
    let now = Timestamp::parse("1994-11-06T08:49:00Z").unwrap();
    for (text, seconds) in [
        ("120", Some(120)),
        (" 0 ", Some(0)),
        ("99999999999999999999999999", Some(36_000)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
        ("Sun Nov  6 08:49:37 1994", Some(37)),
        ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
        ("Sat, 06 Nov 2094 08:49:37 GMT", Some(36_000)),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
    ] {
        assert_eq!(
            retry_after(text, now),
            seconds.map(Duration::from_secs),
            "{text:?}"
        );
    }
}

proptest! {
    #[test]
    fn an_excerpt_is_a_beginning_that_says_so(
        headers in proptest::collection::vec(("[a-z]{1,9}", "[a-z]{0,9}"), 0..9), body in ".{0,60}", limit in 0_usize..40
    ) {
        let whole = Response { headers, body, truncated: false };
        let cut = whole.excerpt(Excerpt { body: limit, headers: limit });
        prop_assert!(whole.body.starts_with(&cut.body) && whole.headers.starts_with(&cut.headers));
        prop_assert!(cut.body.chars().count() <= limit);
        prop_assert!(cut.headers.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>() <= limit);
        prop_assert_eq!(cut.truncated, (&cut.headers, &cut.body) != (&whole.headers, &whole.body));
    }
}
