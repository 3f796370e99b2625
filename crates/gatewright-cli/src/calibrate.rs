//! `gatewright password calibrate`: the costs of argon2id that fit a time on this machine.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use gatewright_core::auth::DEFAULT_REFUSAL_FLOOR;
use gatewright_core::{HashContext, Password, PasswordHasher, SystemTimer, Timer};
use gatewright_password::{
    Argon2Costs, HashingPool, MAX_ARGON2_MEMORY_KIB, MAX_ARGON2_PASSES, MIN_ARGON2_COSTS,
};
use tokio::task::JoinSet;

use crate::output::{Failure, write};

const MIB: u32 = 1024;
/// The least memory that the pool accepts, and the most, in MiB.
const MEMORY_MIB: std::ops::RangeInclusive<i64> = 7..=256;
/// The most memory of all threads together, in MiB: more could end other programs of the machine.
const MAX_TOTAL_MIB: u64 = 4096;
/// How often a setting of memory, or of passes, is corrected after a measurement.
const CORRECTIONS: usize = 4;
/// How many rounds measure one candidate: at least the first number, at most the second, and no new one after
/// [`MEASURING`].
const ROUNDS: (usize, usize) = (3, 15);
const MEASURING: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct Calibrate {
    /// How long a hash may take: 1ms to 2s
    #[arg(long, value_name = "TIME", value_parser = target)]
    target: Duration,
    /// The most memory for a hash, in MiB: 7 to 256. Each thread needs it
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(MEMORY_MIB))]
    memory: u32,
    /// How many logins hash at the same time. Default: the threads of the pool, one fewer than there are cores
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

impl Calibrate {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let threads = usize::from(self.threads.unwrap_or_else(default_threads));
        let (target, memory) = (show(self.target), self.memory);
        let total = u64::from(memory).saturating_mul(threads as u64);
        if total > MAX_TOTAL_MIB {
            return Err(format!(
                "--memory times --threads must be at most {MAX_TOTAL_MIB} MiB, is {total} MiB; lower one of them"
            ));
        }
        write(&format!(
            "target {target}, {threads} at the same time, at most {memory} MiB for a hash, {total} MiB in all\n\n"
        ))?;
        write("  memory  passes  lanes  median\n")?;
        let found = search(self.target, self.memory, |costs| {
            let median = measure(costs, threads)?;
            let Argon2Costs { memory_kib, passes, lanes, .. } = costs;
            write(&format!("{:>4} MiB  {passes:>6}  {lanes:>5}  {:>6}\n", memory_kib / MIB, show(median)))?;
            Ok(median)
        })?;
        write(&format!("\n{}", found.advice(self.target, threads)))?;
        Ok(if found.is_within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Reads `50ms` or `1s`.
fn target(text: &str) -> Result<Duration, &'static str> {
    let millis = match text.strip_suffix("ms") {
        Some(number) => number.parse().ok(),
        None => text
            .strip_suffix('s')
            .and_then(|number| number.parse().ok().and_then(|s: u64| s.checked_mul(1000))),
    };
    match millis {
        Some(millis @ 1..=2000) => Ok(Duration::from_millis(millis)),
        _ => Err("must be 1ms to 2s, for example 50ms"),
    }
}

fn default_threads() -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    u16::try_from(cores.saturating_sub(1)).map_or(256, |threads| threads.clamp(1, 256))
}

fn show(time: Duration) -> String {
    format!("{:.1}ms", time.as_secs_f64() * 1000.0)
}

/// The costs that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    costs: Argon2Costs,
    median: Duration,
    /// Whether the median is within the target. Otherwise these are the quickest that the pool accepts.
    is_within: bool,
}

impl Found {
    fn advice(self, target: Duration, threads: usize) -> String {
        let Argon2Costs { memory_kib, passes, lanes, .. } = self.costs;
        let (median, memory) =
            (show(self.median), u64::from(memory_kib / MIB).saturating_mul(threads as u64));
        let rate = threads as f64 / self.median.as_secs_f64().max(f64::EPSILON);
        let mut text = if self.is_within {
            format!("a hash takes {median}: {rate:.0} logins a second with {memory} MiB of memory\n")
        } else {
            let target = show(target);
            format!("no costs that the pool accepts fit into {target}; the quickest of them take {median}\n")
        };
        if self.median * 4 > DEFAULT_REFUSAL_FLOOR * 3 {
            let floor = show(DEFAULT_REFUSAL_FLOOR);
            text += &format!("set with_refusal_floor well above that time; it is {floor} unless set\n");
        }
        text + &format!(
            "\nHashingPool::builder().with_costs(Argon2Costs::new({memory_kib}, {passes}, {lanes})).with_workers({threads})\n"
        )
    }
}

/// Finds the costs whose median is nearest below the target, with as much memory as fits and then as many passes (RFC
/// 9106 §4). It has one lane: the pool computes lanes one after another, so more of them would help an attacker alone.
fn search(
    target: Duration,
    memory_mib: u32,
    mut measure: impl FnMut(Argon2Costs) -> Result<Duration, Failure>,
) -> Result<Found, Failure> {
    let mut measured = |costs| {
        let median = measure(costs)?;
        Ok::<_, Failure>(Found { costs, median, is_within: median <= target })
    };
    let Some(least) = least_costs(memory_mib, &mut measured)? else {
        return Err("no costs that the pool accepts need so little memory".to_owned());
    };
    if !least.is_within {
        return Ok(least);
    }
    let most = memory_mib.saturating_mul(MIB).min(MAX_ARGON2_MEMORY_KIB);
    let Argon2Costs { memory_kib, passes, .. } = least.costs;
    let best = grow(least, target, (memory_kib / MIB, most / MIB), &mut measured, |mib| {
        Argon2Costs::new(mib.saturating_mul(MIB), passes, 1)
    })?;
    if best.costs.memory_kib < most {
        return Ok(best);
    }
    grow(best, target, (passes, MAX_ARGON2_PASSES), &mut measured, |passes| Argon2Costs::new(most, passes, 1))
}

/// The first of the pool's minimal costs that is within the target, from the most memory to the least; else the quickest.
/// `None` if all of them need more memory.
fn least_costs(
    memory_mib: u32,
    measured: &mut impl FnMut(Argon2Costs) -> Result<Found, Failure>,
) -> Result<Option<Found>, Failure> {
    let mut quickest: Option<Found> = None;
    // One pass is weaker against an attacker who trades time for memory.
    let several = MIN_ARGON2_COSTS
        .iter()
        .filter(|(memory, passes)| *passes > 1 && *memory <= memory_mib.saturating_mul(MIB));
    for (memory, passes) in several {
        let found = measured(Argon2Costs::new(*memory, *passes, 1))?;
        if found.is_within {
            return Ok(Some(found));
        }
        quickest = Some(quickest.filter(|quickest| quickest.median <= found.median).unwrap_or(found));
    }
    Ok(quickest)
}

/// Raises one number from `least` up to `most` while the median stays within the target. The time is nearly
/// proportional to the number, so each measurement gives the next proposal.
fn grow(
    start: Found,
    target: Duration,
    (least, most): (u32, u32),
    measured: &mut impl FnMut(Argon2Costs) -> Result<Found, Failure>,
    costs: impl Fn(u32) -> Argon2Costs,
) -> Result<Found, Failure> {
    let (mut best, mut within, mut above) = (start, least, most.saturating_add(1));
    let (mut number, mut median) = (least, start.median);
    for _ in 0..CORRECTIONS {
        // A number that is known to be within, or to be above, is not measured again.
        let (from, to) = (within.saturating_add(1), above.saturating_sub(1));
        if from > to {
            break;
        }
        let proposed = f64::from(number) * target.as_secs_f64() / median.as_secs_f64().max(f64::EPSILON);
        number = (proposed as u32).clamp(from, to);
        let found = measured(costs(number))?;
        median = found.median;
        if found.is_within {
            (best, within) = (found, number);
        } else {
            above = number;
        }
    }
    Ok(best)
}

/// The median time of a hash while `threads` are computed at the same time.
fn measure(costs: Argon2Costs, threads: usize) -> Result<Duration, Failure> {
    let pool = HashingPool::builder().with_costs(costs).with_workers(threads).with_queue(threads.max(1));
    let pool = pool.build().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        // The first hash of a thread waits for its memory.
        hash_at_the_same_time(&pool, threads).await?;
        let (began, mut times) = (SystemTimer.now(), Vec::new());
        for round in 0..ROUNDS.1 {
            if round >= ROUNDS.0 && SystemTimer.now().saturating_sub(began) >= MEASURING {
                break;
            }
            times.extend(hash_at_the_same_time(&pool, threads).await?);
        }
        times.sort_unstable();
        times.get(times.len() / 2).copied().ok_or_else(|| "nothing was measured".to_owned())
    })
}

async fn hash_at_the_same_time(pool: &HashingPool, threads: usize) -> Result<Vec<Duration>, Failure> {
    let mut calls = JoinSet::new();
    for _ in 0..threads {
        let pool = pool.clone();
        calls.spawn(async move {
            let began = SystemTimer.now();
            let hash = pool.hash(Password::new("correct horse battery staple"), &HashContext::new()).await;
            hash.map(|_| SystemTimer.now().saturating_sub(began))
        });
    }
    let times = calls.join_all().await.into_iter().collect::<Result<Vec<_>, _>>();
    times.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that needs this many microseconds for a MiB and pass. Returns what was found, and how many candidates
    /// were measured.
    fn on_machine(micros: u64, target_millis: u64, memory: u32) -> (Found, usize) {
        let mut count = 0;
        let found = search(Duration::from_millis(target_millis), memory, |costs| {
            count += 1;
            HashingPool::builder().with_costs(costs).build().map_err(|error| error.to_string())?;
            assert!(costs.memory_kib <= memory * MIB, "{costs:?}");
            Ok(Duration::from_micros(micros * u64::from(costs.memory_kib / MIB) * u64::from(costs.passes)))
        });
        (found.unwrap(), count)
    }

    #[test]
    fn the_costs_nearest_below_the_target_are_found_with_memory_before_passes() {
        for (micros, target, memory, expected) in [
            (500, 50, 64, Some((50, 2))),
            (500, 19, 64, Some((19, 2))),
            (500, 18, 64, Some((12, 3))),
            (500, 100, 64, Some((64, 3))),
            (500, 1000, 64, Some((64, 10))),
            (500, 1000, 256, Some((256, 7))),
            (100, 50, 256, Some((250, 2))),
            (500, 50, 12, Some((12, 8))),
            (500, 50, 7, Some((7, 10))),
            (500, 5, 64, None),
            (20_000, 1, 64, None),
        ] {
            let (found, measured) = on_machine(micros, target, memory);
            assert!(measured <= 4 + 2 * CORRECTIONS, "{measured}");
            let Argon2Costs { memory_kib, passes, lanes, .. } = found.costs;
            assert_eq!(lanes, 1);
            assert_eq!(found.is_within, expected.is_some(), "{micros} {target} {memory}: {found:?}");
            assert_eq!(found.is_within, found.median <= Duration::from_millis(target));
            let expected = expected.unwrap_or((7, 5));
            assert_eq!((memory_kib / MIB, passes), expected, "{micros} {target} {memory}");
        }
    }

    /// Every number that is measured is new, so the search ends on a machine whose times are noise.
    #[test]
    fn the_search_ends_if_the_times_make_no_sense() {
        for times in [[5, 80, 1, 90, 3], [1, 1, 1, 1, 1], [49, 51, 49, 51, 50], [0, 0, 0, 0, 0]] {
            let mut seen = Vec::new();
            let found = search(Duration::from_millis(50), 64, |costs| {
                assert!(!seen.contains(&costs), "{costs:?} twice");
                seen.push(costs);
                Ok(Duration::from_millis(times[seen.len() % times.len()]))
            });
            assert!(seen.contains(&found.unwrap().costs));
        }
    }

    #[test]
    fn a_target_is_a_whole_number_of_milliseconds_or_seconds() {
        for (text, millis) in [("50ms", 50), ("1ms", 1), ("1s", 1000), ("2s", 2000), ("2000ms", 2000)] {
            assert_eq!(target(text), Ok(Duration::from_millis(millis)));
        }
        for text in [
            "",
            "50",
            "ms",
            "s",
            "0ms",
            "0s",
            "2001ms",
            "3s",
            "-1ms",
            "1.5s",
            "50 ms",
            "18446744073709551615s",
        ] {
            assert!(target(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_advice_is_a_line_of_code_and_names_the_refusal_floor_if_it_is_near() {
        let found = |millis, is_within| Found {
            costs: Argon2Costs::new(43 * MIB, 2, 1),
            median: Duration::from_millis(millis),
            is_within,
        };
        let advice = found(50, true).advice(Duration::from_millis(50), 2);
        assert_eq!(
            advice,
            "a hash takes 50.0ms: 40 logins a second with 86 MiB of memory\n\n\
             HashingPool::builder().with_costs(Argon2Costs::new(44032, 2, 1)).with_workers(2)\n"
        );
        assert!(
            found(301, true).advice(Duration::from_secs(1), 2).contains("set with_refusal_floor well above")
        );
        assert!(
            found(50, false)
                .advice(Duration::from_millis(1), 2)
                .starts_with("no costs that the pool accepts")
        );
    }
}
