use super::compose::Compose;
use super::{Kind, Plan};

fn installs(kinds: &'static [Kind]) -> impl Fn(Kind) -> Result<(), String> {
    move |kind| if kinds.contains(&kind) { Ok(()) } else { Err(format!("{kind:?}: install it")) }
}

#[test]
fn programs_are_preferred_and_docker_is_not_asked() {
    let plan = Plan::make(&Kind::ALL, installs(&Kind::ALL), || panic!("nothing is missing")).unwrap();
    assert_eq!(plan.programs, Kind::ALL);
    assert!(plan.containers.is_none());
}

#[test]
fn only_what_has_no_program_runs_in_a_container() {
    let plan = Plan::make(&Kind::ALL, installs(&[Kind::Mysql]), || Ok(Compose::fake("unused"))).unwrap();
    assert_eq!(plan.programs, [Kind::Mysql]);
    assert_eq!(plan.containers.unwrap().1, [Kind::Postgres, Kind::Redis]);
}

#[test]
fn with_neither_the_error_names_each_way_out() {
    let no_engine = || Err("no Docker engine answers".to_owned());
    let error = Plan::make(&Kind::ALL, installs(&[Kind::Postgres, Kind::Mysql]), no_engine).unwrap_err();
    for part in
        ["Redis: install it", "no Docker engine answers", "GATEWRIGHT_TEST_REDIS_URL", "--only embedded"]
    {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert!(!error.contains("POSTGRES"), "{error}");
}
