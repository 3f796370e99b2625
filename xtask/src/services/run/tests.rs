use super::{Kind, choose};

fn installs(kinds: &'static [Kind]) -> impl Fn(Kind) -> Result<(), String> {
    move |kind| if kinds.contains(&kind) { Ok(()) } else { Err(format!("{kind:?}: install it")) }
}

fn contain(kinds: &[Kind]) -> Result<Vec<Kind>, String> {
    Ok(kinds.to_vec())
}

#[test]
fn installed_programs_are_preferred_to_containers() {
    let chosen = choose(&Kind::ALL, installs(&Kind::ALL), contain).unwrap();
    assert_eq!(chosen, (Kind::ALL.to_vec(), None));
}

#[test]
fn only_servers_without_a_program_run_in_containers() {
    let chosen = choose(&Kind::ALL, installs(&[Kind::Mysql]), contain).unwrap();
    assert_eq!(chosen, (vec![Kind::Mysql], Some(vec![Kind::Postgres, Kind::Redis])));
}

#[test]
fn the_error_for_a_missing_server_names_every_remedy() {
    let no_engine = |_: &[Kind]| Err::<(), _>("no Docker engine answers".to_owned());
    let error = choose(&Kind::ALL, installs(&[Kind::Postgres, Kind::Mysql]), no_engine).unwrap_err();
    let remedies =
        ["Redis: install it", "no Docker engine answers", "GATEWRIGHT_TEST_REDIS_URL", "--only embedded"];
    for remedy in remedies {
        assert!(error.contains(remedy), "{remedy} is not in: {error}");
    }
    assert!(!error.contains("POSTGRES"), "{error}");
}
