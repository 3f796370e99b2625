//! `gatewright password filter` and `gatewright password calibrate`.

use std::fs;

use gatewright_core::Password;
use gatewright_core::password::BreachedPasswords;
use gatewright_password::{Argon2Costs, BreachFilter, HashingPool};

use crate::common::{file, run};

/// The digests of "password" and "123456", in their order.
const LIST: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\r\n7C4A8D09CA3762AF61E59520943DC26494F8941B:37359195\r\n";

#[test]
fn a_filter_is_built_once_and_finds_the_passwords_of_its_list() {
    let (list, filter) = (file("pwned.txt", LIST), file("pwned.filter", ""));
    let (list, filter) = (list.to_str().unwrap(), filter.to_str().unwrap());
    let arguments = ["password", "filter", list, "--out", filter, "--min-count", "10000000"];
    assert_eq!(run(&arguments, b"").code, 2, "the filter exists");
    fs::remove_file(filter).unwrap();
    let done = run(&arguments, b"");
    assert_eq!((done.code, done.out), (0, format!("{filter}: 1 passwords\n")), "{}", done.err);
    assert!(BreachFilter::recognizes(filter).unwrap() && !BreachFilter::recognizes(list).unwrap());
    let filter = BreachFilter::open(filter).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let contains = |text: &str| runtime.block_on(filter.contains(&Password::new(text), None)).unwrap();
    assert!(contains("123456") && !contains("password") && !contains("correct horse"));
}

#[test]
fn a_list_that_is_not_sorted_leaves_no_filter_behind() {
    let lines: Vec<&str> = LIST.lines().rev().collect();
    let (list, filter) = (file("unsorted.txt", &lines.join("\n")), file("unsorted.filter", ""));
    fs::remove_file(&filter).unwrap();
    let done = run(&["password", "filter", list.to_str().unwrap(), "--out", filter.to_str().unwrap()], b"");
    assert_eq!(done.code, 2);
    assert!(done.err.contains("unsorted.txt: ") && done.err.contains("ordered by hash"), "{}", done.err);
    assert!(!filter.exists());
}

#[test]
fn a_filter_without_a_password_is_refused() {
    let (list, filter) = (file("rare.txt", LIST), file("rare.filter", ""));
    fs::remove_file(&filter).unwrap();
    let (list, out) = (list.to_str().unwrap(), filter.to_str().unwrap());
    let done = run(&["password", "filter", list, "--out", out, "--min-count", "100000000"], b"");
    assert_eq!(done.code, 2);
    assert!(done.err.contains("rare.txt: ") && done.err.contains("lower the minimum"), "{}", done.err);
    assert!(!filter.exists());
}

/// The numbers depend on the machine: the test checks what they promise, not how large they are.
#[test]
fn calibration_prints_costs_that_the_pool_accepts() {
    let done = run(&["password", "calibrate", "--target", "2s", "--memory", "12", "--threads", "2"], b"");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out
            .starts_with("target 2000.0ms, 2 at the same time, at most 12 MiB for a hash, 24 MiB in all\n"),
        "{}",
        done.out
    );
    let (_, code) = done.out.split_once("Argon2Costs::new(").unwrap();
    let (costs, workers) = code.split_once("))").unwrap();
    assert_eq!(workers, ".with_workers(2)\n");
    let costs: Vec<u32> = costs.split(", ").map(|number| number.parse().unwrap()).collect();
    let &[memory, passes, lanes] = costs.as_slice() else { panic!("{costs:?}") };
    assert_eq!((memory, lanes), (12 * 1024, 1));
    assert!((3..=10).contains(&passes), "{passes}");
    let accepted = HashingPool::builder().with_costs(Argon2Costs::new(memory, passes, lanes)).build();
    assert!(accepted.is_ok());
}

/// No machine computes the least hash in a millisecond.
#[test]
fn a_target_below_the_least_costs_prints_these_and_fails() {
    let done = run(&["password", "calibrate", "--target", "1ms", "--threads", "1"], b"");
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.out.contains("no costs that the pool accepts fit into 1.0ms"), "{}", done.out);
    assert!(done.out.contains("HashingPool::builder().with_costs(Argon2Costs::new("), "{}", done.out);
}

#[test]
fn arguments_of_a_calibration_are_checked() {
    for (arguments, problem) in [
        (&["--target", "50"][..], "must be 1ms to 2s, for example 50ms"),
        (&["--target", "3s"], "must be 1ms to 2s"),
        (&["--target", "50ms", "--memory", "6"], "is not in 7..=256"),
        (&["--target", "50ms", "--memory", "257"], "is not in 7..=256"),
        (&["--target", "50ms", "--threads", "0"], "is not in 1..=256"),
        (
            &["--target", "50ms", "--memory", "256", "--threads", "17"],
            "must be at most 4096 MiB, is 4352 MiB",
        ),
        (&[], "--target <TIME>"),
    ] {
        let done = run(&[&["password", "calibrate"], arguments].concat(), b"");
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments:?}");
        assert!(done.err.contains(problem), "{arguments:?}: {}", done.err);
    }
}
