use super::{Kind, choose};

fn installs(kinds: &'static [Kind]) -> impl Fn(Kind) -> Result<(), String> {
    move |kind| if kinds.contains(&kind) { Ok(()) } else { Err(format!("{kind:?}: install it")) }
}

fn contain(kinds: &[Kind]) -> Result<Vec<Kind>, String> {
    Ok(kinds.to_vec())
}

#[test]
fn programs_are_preferred() {
    let chosen = choose(&Kind::ALL, installs(&Kind::ALL), contain).unwrap();
    assert_eq!(chosen, (Kind::ALL.to_vec(), None));
}

#[test]
fn only_what_has_no_program_runs_in_a_container() {
    let chosen = choose(&Kind::ALL, installs(&[Kind::Mysql]), contain).unwrap();
    assert_eq!(chosen, (vec![Kind::Mysql], Some(vec![Kind::Postgres, Kind::Redis])));
}

#[test]
fn with_neither_the_error_names_each_way_out() {
    let no_engine = |_: &[Kind]| Err::<(), _>("no Docker engine answers".to_owned());
    let error = choose(&Kind::ALL, installs(&[Kind::Postgres, Kind::Mysql]), no_engine).unwrap_err();
    let ways =
        ["Redis: install it", "no Docker engine answers", "GATEWRIGHT_TEST_REDIS_URL", "--only embedded"];
    for way in ways {
        assert!(error.contains(way), "{way} is not in: {error}");
    }
    assert!(!error.contains("POSTGRES"), "{error}");
}
