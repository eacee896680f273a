//! Not at random: a process dies at every await point there is, one after the other.

use crate::oracle::judge;
use crate::plan::{Action, Behaviour, Character, Death, EndpointPlan, Plan};
use crate::sandbox::Kind;
use crate::seeds::simulate;

/// How many deliveries are delivered, dead and waiting in the end.
type Ends = (usize, usize, usize);

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

/// An endpoint that was switched off has its deliveries parked; switched on, a job resumes them.
fn resumed(death: Death) -> Plan {
    let mut actions = vec![(0, Action::SwitchOff(0))];
    actions.extend((0..4).map(|event| (1000, Action::Report(event))));
    actions.push((600_000, Action::SwitchOn(0)));
    Plan {
        death: Some(death),
        actions,
        ..Plan::calm(vec![EndpointPlan::new(Character::Well)], 4)
    }
}

fn die_everywhere(kind: Kind, invocation: usize, plan: fn(Death) -> Plan, ends: Ends) {
    for poll in 0..10_000 {
        let death = Death {
            kind,
            invocation,
            poll,
        };
        let (account, trace) = simulate(
            "crash",
            u64::from(poll),
            |_| plan(death),
            async |world| judge(world).await,
        );
        let shown = || format!("poll {poll}:\n{}", trace.join("\n"));
        assert!(
            account.broken.is_empty(),
            "{:?} {}",
            account.broken,
            shown()
        );
        let came = (account.delivered, account.dead, account.waiting);
        assert_eq!(came, ends, "{}", shown());
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
    die_everywhere(Kind::Fanout, 0, plan, (2, 2, 0));
}

#[test]
fn a_first_try_may_die_anywhere() {
    die_everywhere(Kind::Dispatch, 0, plan, (2, 2, 0));
}

#[test]
fn a_later_try_may_die_anywhere() {
    die_everywhere(Kind::Dispatch, 1, plan, (2, 2, 0));
}

#[test]
fn the_sweep_may_die_anywhere() {
    die_everywhere(Kind::Sweep, 0, plan, (2, 2, 0));
}

#[test]
fn a_job_that_resumes_may_die_anywhere() {
    die_everywhere(Kind::Replay, 0, resumed, (4, 0, 0));
}
