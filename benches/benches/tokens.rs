//! `cargo bench -p gatewright-benches`: verifies and issues one token of each family of algorithms.

#![allow(missing_docs, reason = "the items that criterion's macros generate have no documentation")]

use criterion::{Criterion, criterion_group, criterion_main};
use gatewright_benches::{Signed, Tokens};

fn secrets(criterion: &mut Criterion) {
    let tokens = Tokens::new();
    let mut group = criterion.benchmark_group("verify HS256");
    group.bench_function("gatewright", |bencher| bencher.iter(|| tokens.ours()));
    group.bench_function("jsonwebtoken", |bencher| bencher.iter(|| tokens.jsonwebtoken()));
    group.bench_function("jwt-simple", |bencher| bencher.iter(|| tokens.jwt_simple()));
    group.bench_function("bare", |bencher| bencher.iter(|| tokens.bare()));
    group.finish();
}

fn key_pairs(criterion: &mut Criterion) {
    for (name, token) in [("EdDSA", Signed::eddsa()), ("ES256", Signed::es256())] {
        let mut group = criterion.benchmark_group(format!("verify {name}"));
        group.bench_function("gatewright", |bencher| bencher.iter(|| token.ours()));
        group.bench_function("gatewright with the cache", |bencher| bencher.iter(|| token.cached()));
        group.bench_function("jsonwebtoken", |bencher| bencher.iter(|| token.jsonwebtoken()));
        group.bench_function("jwt-simple", |bencher| bencher.iter(|| token.jwt_simple()));
        group.bench_function("bare", |bencher| bencher.iter(|| token.bare()));
        group.finish();
        let mut group = criterion.benchmark_group(format!("issue {name}"));
        group.bench_function("gatewright", |bencher| bencher.iter(|| token.issue()));
        group.bench_function("jsonwebtoken", |bencher| bencher.iter(|| token.jsonwebtoken_issue()));
        group.finish();
    }
}

criterion_group!(benches, secrets, key_pairs);
criterion_main!(benches);
