//! `cargo bench -p gatewright-benches`: verification of one HS256 token.

#![allow(missing_docs, reason = "the macros of criterion document nothing")]

use criterion::{Criterion, criterion_group, criterion_main};
use gatewright_benches::Tokens;

fn verification(criterion: &mut Criterion) {
    let tokens = Tokens::new();
    let mut group = criterion.benchmark_group("verify HS256");
    group.bench_function("gatewright", |bencher| bencher.iter(|| tokens.ours()));
    group.bench_function("jsonwebtoken", |bencher| bencher.iter(|| tokens.jsonwebtoken()));
    group.bench_function("bare", |bencher| bencher.iter(|| tokens.bare()));
    group.finish();
}

criterion_group!(benches, verification);
criterion_main!(benches);
