//! Not at random: a process dies at every await point there is, one after the other.

use domain::credential::Provider;
use store::USER_SHARDS;

use crate::plan::{Death, Plan};
use crate::push::oracle::{Account, judge};
use crate::push::plan::{Audience, Meddling, PhonePlan, PushPlan, Wanted, slot};
use crate::push::world::user;
use crate::sandbox::Kind;
use crate::seeds::simulate;

const REPORTED: u64 = 1_000;

/// How many pushes are sent in the end, and how many are not: dead, or stopped because their device is
/// gone.
type Ends = (usize, usize);

fn die_everywhere(kind: Kind, invocation: usize, plan: fn() -> Plan, ends: Ends) {
    let told = |account: &Account| assert_eq!((account.failed, account.recovered), (0, 0));
    die_everywhere_and(kind, invocation, plan, &[ends], told);
}

/// The failure of a credential, and its recovery, are told whoever dies.
fn die_everywhere_and_tell(kind: Kind, invocation: usize, plan: fn() -> Plan, ends: Ends) {
    let told = |account: &Account| assert_eq!((account.failed, account.recovered), (1, 1));
    die_everywhere_and(kind, invocation, plan, &[ends], told);
}

fn die_everywhere_and(
    kind: Kind,
    invocation: usize,
    plan: fn() -> Plan,
    ends: &[Ends],
    told: fn(&Account),
) {
    for poll in 0..10_000 {
        let death = Death {
            kind,
            invocation,
            poll,
        };
        let (account, trace) = simulate(
            "push-crash",
            u64::from(poll),
            |_| Plan {
                death: Some(death),
                ..plan()
            },
            async |world| judge(world).await,
        );
        let shown = || format!("poll {poll}:\n{}", trace.join("\n"));
        let broken = &account.broken;
        assert!(broken.is_empty(), "{broken:?} {}", shown());
        let unsent = account.dead + account.gated;
        let end = (account.sent, unsent);
        assert!(ends.contains(&end), "{end:?} {}", shown());
        told(&account);
        let died = trace.iter().any(|line| line.ends_with("DIES"));
        let most = if died { 3 } else { 0 };
        assert!(account.repeated <= most, "{}", shown());
        if !died {
            // It was done before: that was every point there is.
            assert!(poll > 5, "{}", shown());
            return;
        }
    }
    panic!("it never got done");
}

/// A phone of each provider's, and one push for all.
fn everybody(audience: Audience) -> Plan {
    use Provider::{Apns, Baidu, Fcm};
    let wanted = Wanted {
        audience,
        ..Wanted::of_everyone()
    };
    let phones = [Apns, Fcm, Baidu].map(slot);
    PushPlan::calm(&phones, vec![wanted]).world(&[REPORTED], Vec::new())
}

fn named() -> Plan {
    everybody(Audience::Named(vec![0, 1, 2]))
}

fn broadcast() -> Plan {
    everybody(Audience::Everyone)
}

/// Two pushes at once for one person, who wants one a minute: the second becomes a summary.
fn burst() -> Plan {
    let push = PushPlan {
        burst: 1,
        ..PushPlan::calm(
            &[slot(Provider::Apns)],
            vec![Wanted::of(&[0]), Wanted::of(&[0])],
        )
    };
    push.world(&[REPORTED, REPORTED], Vec::new())
}

/// Google's token service is down at first.
fn no_token() -> Plan {
    let push = PushPlan {
        no_tokens: (0, 5_000),
        ..PushPlan::calm(&[slot(Provider::Fcm)], vec![Wanted::of(&[0])])
    };
    push.world(&[REPORTED], Vec::new())
}

/// One of two phones has lost its application.
fn uninstalled() -> Plan {
    let push = PushPlan::calm(&[slot(Provider::Apns); 2], vec![Wanted::of(&[0, 1])]);
    push.world(&[REPORTED], vec![(0, Meddling::Uninstall(0))])
}

/// The credential was revoked; a good one is activated ten minutes later.
fn revoked() -> Plan {
    let apple = slot(Provider::Apns);
    let push = PushPlan::calm(&[apple; 2], vec![Wanted::of(&[0, 1])]);
    let meddling = vec![(0, Meddling::Revoke(apple)), (600_000, Meddling::Mend)];
    push.world(&[REPORTED], meddling)
}

/// The same, and the good one is there at the second look.
fn mended() -> Plan {
    let apple = slot(Provider::Apns);
    let push = PushPlan::calm(&[apple; 2], vec![Wanted::of(&[0, 1])]);
    let meddling = vec![(0, Meddling::Revoke(apple)), (9_000, Meddling::Mend)];
    push.world(&[REPORTED], meddling)
}

/// A credential of another application is activated, which each phone's token is refused to.
fn mistaken() -> Plan {
    let apple = slot(Provider::Apns);
    let push = PushPlan::calm(&[apple; 3], vec![Wanted::of(&[0, 1, 2])]);
    let meddling = vec![(0, Meddling::Mistake(apple)), (600_000, Meddling::Mend)];
    push.world(&[REPORTED], meddling)
}

/// A broadcast that finds its second phone on the second page of a partition.
fn crowded() -> Plan {
    let shard = |person: usize| user(person).shard(USER_SHARDS);
    let other = (1..).find(|person| shard(*person) == shard(0)).unwrap();
    let apple = slot(Provider::Apns);
    let phone = |owner| PhonePlan { owner, slot: apple };
    let push = PushPlan {
        people: other + 1,
        crowd: 100,
        phones: vec![phone(0), phone(other)],
        ..PushPlan::calm(&[], vec![Wanted::of_everyone()])
    };
    push.world(&[REPORTED], Vec::new())
}

/// Subscribers with phones: the first, the last of the first page, and one on the second. When the page
/// comes again, somebody new is on it, and who was its last is behind its edge and gone.
fn subscribers() -> Plan {
    let near = |one: &usize| user(*one).shard(USER_SHARDS) == user(0).shard(USER_SHARDS);
    let mut others: Vec<_> = (1..).filter(near).take(2).collect();
    others.sort_by_key(|one| user(*one));
    let apple = slot(Provider::Apns);
    let phone = |owner| PhonePlan { owner, slot: apple };
    let push = PushPlan {
        people: others[0].max(others[1]) + 1,
        crowd: 98,
        phones: vec![phone(0), phone(others[0]), phone(others[1])],
        ..PushPlan::calm(&[], vec![Wanted::of_subscribers()])
    };
    let meddling = vec![
        (10_000, Meddling::Join),
        (10_000, Meddling::Leave(others[0])),
    ];
    push.world(&[REPORTED], meddling)
}

#[test]
fn an_event_that_pushes_to_named_people_may_die_anywhere() {
    die_everywhere(Kind::Fanout, 0, named, (3, 0));
}

#[test]
fn an_event_that_pushes_to_everyone_may_die_anywhere() {
    die_everywhere(Kind::Fanout, 0, broadcast, (3, 0));
}

#[test]
fn fan_out_to_named_people_may_die_anywhere() {
    die_everywhere(Kind::PushFanout, 0, named, (3, 0));
}

#[test]
fn a_broadcast_may_die_anywhere() {
    die_everywhere(Kind::PushFanout, 0, broadcast, (3, 0));
}

#[test]
fn a_broadcast_of_two_pages_may_die_anywhere() {
    for invocation in 0..3 {
        die_everywhere(Kind::PushFanout, invocation, crowded, (2, 0));
    }
}

/// Who left before they were looked at is not told; who was looked at is, in spite of the new edge.
#[test]
fn pages_of_subscribers_may_die_anywhere_while_people_come_and_go() {
    let told = |account: &Account| assert_eq!(account.collapsed, 0);
    for invocation in 0..2 {
        let ends = [(3, 0), (2, 0)];
        die_everywhere_and(Kind::PushFanout, invocation, subscribers, &ends, told);
    }
}

#[test]
fn a_burst_may_die_anywhere() {
    die_everywhere(Kind::PushFanout, 0, burst, (2, 0));
}

#[test]
fn a_summary_may_die_anywhere() {
    die_everywhere(Kind::PushFanout, 1, burst, (2, 0));
}

#[test]
fn a_first_send_may_die_anywhere() {
    die_everywhere(Kind::PushDispatch, 0, named, (3, 0));
}

#[test]
fn a_try_without_an_access_token_may_die_anywhere() {
    die_everywhere(Kind::PushDispatch, 0, no_token, (1, 0));
}

#[test]
fn a_later_try_may_die_anywhere() {
    die_everywhere(Kind::PushDispatch, 1, no_token, (1, 0));
}

#[test]
fn the_end_of_a_token_may_die_anywhere() {
    die_everywhere(Kind::PushDispatch, 0, uninstalled, (1, 1));
}

#[test]
fn the_pause_of_a_credential_may_die_anywhere() {
    die_everywhere_and_tell(Kind::PushDispatch, 0, revoked, (2, 0));
}

#[test]
fn a_look_at_what_is_held_may_die_anywhere() {
    die_everywhere_and_tell(Kind::PushDispatch, 1, revoked, (2, 0));
}

#[test]
fn the_first_push_after_an_activation_may_die_anywhere() {
    let (_, trace) = simulate("mended", 0, |_| mended(), async |world| judge(world).await);
    let before = trace
        .iter()
        .take_while(|line| !line.contains("CredentialRecovered"));
    let begun = before.filter(|line| line.contains("push-dispatch") && line.contains("begins"));
    assert_eq!(begun.count(), 3, "it is the third run that finds it mended");
    die_everywhere_and_tell(Kind::PushDispatch, 2, mended, (2, 0));
}

/// Three tokens refused are told of once, whoever dies, and so they are by the look that follows.
#[test]
fn the_guard_may_die_anywhere() {
    let told = |account: &Account| assert_eq!(account.guarded, 1);
    for invocation in 0..2 {
        die_everywhere_and(Kind::PushDispatch, invocation, mistaken, &[(3, 0)], told);
    }
}

/// The good one is activated before anybody could look again: a failure that was noticed is told all
/// the same, and one that was not is none.
#[test]
fn a_pause_that_nobody_was_told_of_outlives_an_activation() {
    let told = |account: &Account| {
        assert_eq!(account.failed, account.recovered);
        assert!(account.failed <= 1);
    };
    die_everywhere_and(Kind::PushDispatch, 0, mended, &[(2, 0)], told);
}
