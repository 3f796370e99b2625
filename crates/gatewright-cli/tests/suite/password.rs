//! `gatewright password filter`.

use std::fs;

use gatewright_core::Password;
use gatewright_core::password::BreachedPasswords;
use gatewright_password::BreachFilter;

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
