//! Not at random: a process dies at every await point there is, one after the other.

use crate::plan::{Behaviour, Character, Death, EndpointPlan, Plan};
use crate::sandbox::Kind;
use crate::seeds::simulate;

/// Two receivers, one of which fails, so that fan-out, dispatch and sweep all have work.
fn plan(death: Death) -> Plan {
    let failing = EndpointPlan {
        // Beyond what a queue holds back: the sweep's business.
        schedule: Some(vec![1000]),
        ..EndpointPlan::new(Character::Always(Behaviour::Answer(500, "")))
    };
    Plan {
        death: Some(death),
        ..Plan::calm(vec![EndpointPlan::new(Character::Well), failing], 2)
    }
}

fn die_everywhere(kind: Kind, invocation: usize) {
    for poll in 0..10_000 {
        let death = Death {
            kind,
            invocation,
            poll,
        };
        let (account, trace) = simulate("crash", u64::from(poll), |_| plan(death));
        let shown = || format!("poll {poll}:\n{}", trace.join("\n"));
        assert!(
            account.broken.is_empty(),
            "{:?} {}",
            account.broken,
            shown()
        );
        let ends = (account.delivered, account.dead, account.waiting);
        assert_eq!(ends, (2, 2, 0), "{}", shown());
        if !trace.iter().any(|line| line.ends_with("DIES")) {
            // It was done before: that was every point there is.
            assert!(poll > 5, "{}", shown());
            return;
        }
    }
    panic!("it never got done");
}

#[test]
fn fan_out_may_die_anywhere() {
    die_everywhere(Kind::Fanout, 0);
}

#[test]
fn a_first_try_may_die_anywhere() {
    die_everywhere(Kind::Dispatch, 0);
}

#[test]
fn a_later_try_may_die_anywhere() {
    die_everywhere(Kind::Dispatch, 1);
}

#[test]
fn the_sweep_may_die_anywhere() {
    die_everywhere(Kind::Sweep, 0);
}
