//! Random steps at the same time on two nodes. Their outcomes, and the states that they leave, are those of some
//! order of the steps, one after the other.

use gatewright_testkit::SeededRandom;
use gatewright_tests::patience::PATIENCE;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;

/// How many groups of steps a run makes.
const GROUPS: usize = 60;

/// The steps of a group are made at the same time.
const GROUP: usize = 4;

on_each_store! {
    steps_at_the_same_time_have_an_order
}

/// A call that ran into its time limit was made or not, so the next run begins with other keys.
async fn steps_at_the_same_time_have_an_order<S: Storage>(mut storage: S) {
    let started = Instant::now();
    for seed in 0_u64.. {
        let mut run = Run::new(seed);
        let mut groups = 0;
        while groups < GROUPS && run.next_group(&mut storage).await {
            groups += 1;
        }
        if groups == GROUPS {
            assert!(
                run.admitted > GROUPS / 2 && run.limited > GROUPS / 4,
                "{} {}",
                run.admitted,
                run.limited
            );
            return;
        }
        assert!(started.elapsed() < PATIENCE, "no run without a failed call");
    }
}

struct Run {
    seed: u64,
    random: SeededRandom,
    settings: Arc<ThrottleSettings>,
    /// The states by the model.
    model: States,
    /// Attempts that were admitted and have no outcome yet.
    pending: Vec<(Attempt, u64)>,
    now: Timestamp,
    number: u64,
    admitted: usize,
    limited: usize,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut settings = ThrottleSettings::default();
        settings.account_failures = 3;
        settings.network_failures = 4;
        settings.network_in_flight = 3;
        settings.known_networks_only_after = 5;
        settings.lock_after = 8;
        settings.registrations = 2;
        Self {
            seed,
            random: SeededRandom::new(seed),
            settings: Arc::new(settings),
            model: States::new(),
            pending: Vec::new(),
            now: NOW,
            number: 0,
            admitted: 0,
            limited: 0,
        }
    }

    /// Makes the steps of a group at once, and compares. Returns whether all calls succeeded.
    async fn next_group<S: Storage>(&mut self, storage: &mut S) -> bool {
        self.now = self.now.saturating_add(Duration::from_secs(self.random.below(8) as u64));
        let steps: Vec<(ThrottleStep, Option<Attempt>, u64)> = (0..GROUP).map(|_| self.step()).collect();
        let nodes = storage.nodes();
        let mut calls = JoinSet::new();
        for (index, (step, ..)) in steps.iter().enumerate() {
            let (node, step) = (nodes[index % 2].clone(), step.clone());
            calls.spawn(async move { (index, node.run_step(&step).await) });
        }
        let mut results = calls.join_all().await;
        results.sort_by_key(|(index, _)| *index);
        let Ok(outcomes) = results.into_iter().map(|(_, result)| result).collect::<Result<Vec<_>, _>>()
        else {
            return false;
        };
        let keys = |states: States| -> States {
            states.into_iter().filter(|(key, _)| self.model.contains_key(key) || is_of(&steps, key)).collect()
        };
        let found = keys(storage.states().await);
        let group: Vec<_> = steps.iter().map(|(step, ..)| step).zip(&outcomes).collect();
        assert!(has_order(&self.model, &group, &found), "seed {}: {group:#?}", self.seed);
        self.model = found;
        for ((_, attempt, number), outcome) in steps.into_iter().zip(outcomes) {
            let Some(attempt) = attempt else { continue };
            if outcome.limited.is_some() {
                self.limited += 1;
            } else {
                self.admitted += 1;
                self.pending.push((attempt, number));
            }
        }
        true
    }

    /// The next random step, with its attempt if it is to be admitted. The clocks of the nodes differ a little.
    fn step(&mut self) -> (ThrottleStep, Option<Attempt>, u64) {
        let (random, settings) = (&mut self.random, &self.settings);
        let now = self.now.saturating_add(Duration::from_secs(random.below(3) as u64));
        if random.below(5) < 2 && !self.pending.is_empty() {
            let (attempt, number) = self.pending.swap_remove(random.below(self.pending.len()));
            let step = match random.below(6) {
                0 => ThrottleStep::succeed(&attempt, number, settings, now),
                1 => ThrottleStep::give_back(&attempt, number, settings, now),
                _ => ThrottleStep::fail(&attempt, number, settings, now),
            };
            return (step, None, number);
        }
        self.number += 1;
        let name = format!("run{} user{}", self.seed, random.below(3));
        let user = UserId::new(&name).ok().filter(|_| random.below(2) == 0);
        let network = u8::try_from(self.seed % 250).unwrap();
        let origin = match random.below(5) {
            0 => ClientOrigin::Unknown,
            1 => ClientOrigin::Address([0x2001, 0xdb8, u16::from(network), 0, 0, 0, 0, 1].into()),
            2 => ClientOrigin::Address([0x2001, 0xdb8, u16::from(network), 1, 0, 0, 0, 1].into()),
            other => ClientOrigin::Address([10, 0, network, u8::try_from(other).unwrap()].into()),
        };
        let attempt = match random.below(8) {
            0 => digests().register(origin),
            _ => digests().login(&name, user.as_ref(), origin),
        };
        let step = ThrottleStep::acquire(&attempt, self.number, settings, now);
        (step, Some(attempt), self.number)
    }
}

/// Whether a step of the group has this key.
fn is_of(steps: &[(ThrottleStep, Option<Attempt>, u64)], key: &[u8]) -> bool {
    steps.iter().any(|(step, ..)| step.keys().iter().any(|other| other.to_bytes() == key))
}

/// Whether the steps can be made in some order from these states, with these outcomes, to the states that were
/// found.
fn has_order(model: &States, group: &[(&ThrottleStep, &ThrottleOutcome)], found: &States) -> bool {
    if group.is_empty() {
        return model == found;
    }
    (0..group.len()).any(|first| {
        let mut rest = group.to_vec();
        let (step, outcome) = rest.remove(first);
        let mut next = model.clone();
        apply(&mut next, step) == *outcome && has_order(&next, &rest, found)
    })
}

/// Makes a step on the model.
fn apply(model: &mut States, step: &ThrottleStep) -> ThrottleOutcome {
    let bytes =
        |key: &gatewright::throttle::ThrottleKey| model.get(key.to_bytes().as_slice()).map(Vec::as_slice);
    let decision = step.decide(&step.keys().iter().map(bytes).collect::<Vec<_>>());
    for write in decision.writes {
        let key = write.key.to_bytes().to_vec();
        match write.state {
            Some(state) => drop(model.insert(key, state.bytes().to_vec())),
            None => drop(model.remove(&key)),
        }
    }
    decision.outcome
}
