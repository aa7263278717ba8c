//! Whose graphs step back for others.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use menagerie_contract::{LoadRequest, Origin, Source, SpecOverrides};
use menagerie_engine::{RuntimeKind, probe_graph};

use crate::host::{Host, Reply, engine_on, runtimes};

/// By how much each thread is nicer than this test, in a process that leads its group, as the service starts them, after
/// this load.
fn steps_back_after(runtime: RuntimeKind, origin: Origin, source: Source) -> BTreeSet<i32> {
    let mut host = Host::spawn(engine_on(runtime, "serve").process_group(0));
    host.receive();
    let request = LoadRequest { origin, ..LoadRequest::new(source, SpecOverrides::default()) };
    let Some((_, Reply::Loaded(_))) = host.load_as(1, request, &probe_graph()) else { panic!("not loaded") };
    niceness_of_threads(&host)
}

/// A process that was started for a stranger's graph, once it has said hello.
fn started_for_stranger(runtime: RuntimeKind) -> Host {
    let mut host = Host::spawn(engine_on(runtime, "serve").process_group(0).env("ORIGIN", "stranger"));
    host.receive();
    host
}

fn niceness_of_threads(host: &Host) -> BTreeSet<i32> {
    fs::read_dir(format!("/proc/{}/task", host.id()))
        .unwrap()
        .map(|thread| niceness_in(&thread.unwrap().path()) - niceness_in(Path::new("/proc/thread-self")))
        .collect()
}

/// Field 19 of `proc_pid_stat`(5); the name, field 2, stands in parentheses and may hold spaces.
fn niceness_in(folder: &Path) -> i32 {
    let stat = fs::read_to_string(folder.join("stat")).unwrap();
    let (_, behind_name) = stat.rsplit_once(") ").unwrap();
    behind_name.split(' ').nth(19 - 3).unwrap().parse().unwrap()
}

#[test]
fn every_thread_of_a_strangers_graph_steps_back_whoever_set_its_settings() {
    for runtime in runtimes() {
        for source in [Source::Request, Source::Manifest] {
            assert_eq!(steps_back_after(runtime, Origin::Stranger, source), BTreeSet::from([5]), "{}", runtime.name());
        }
    }
}

#[test]
fn a_graph_of_the_zoo_does_not_also_with_settings_of_the_request() {
    for runtime in runtimes() {
        for source in [Source::Request, Source::Manifest] {
            assert_eq!(steps_back_after(runtime, Origin::Zoo, source), BTreeSet::from([0]), "{}", runtime.name());
        }
    }
}

#[test]
fn a_process_started_for_a_stranger_steps_back_before_it_loads_the_runtime_and_once() {
    for runtime in runtimes() {
        let mut host = started_for_stranger(runtime);
        assert_eq!(niceness_of_threads(&host), BTreeSet::from([5]), "{}", runtime.name());
        let request =
            LoadRequest { origin: Origin::Stranger, ..LoadRequest::new(Source::Request, SpecOverrides::default()) };
        let Some((_, Reply::Loaded(_))) = host.load_as(1, request, &probe_graph()) else { panic!("not loaded") };
        assert_eq!(niceness_of_threads(&host), BTreeSet::from([5]), "{}", runtime.name());
    }
}

#[test]
fn such_a_process_takes_no_graph_of_the_zoo() {
    let mut host = started_for_stranger(RuntimeKind::Tensorflow);
    let request = LoadRequest { origin: Origin::Zoo, ..LoadRequest::new(Source::Manifest, SpecOverrides::default()) };
    let Some((_, Reply::Error(problem))) = host.load_as(1, request, &probe_graph()) else { panic!("loaded") };
    assert!(problem.message.contains("stepped back"), "{}", problem.message);
}

#[test]
fn whatever_writes_a_model_for_other_programs_steps_back_before_it_is_told_what() {
    let mut command = engine_on(RuntimeKind::Tensorflow, "export");
    let mut child = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let own = niceness_in(Path::new("/proc/thread-self"));
    let folder = format!("/proc/{}", child.id());
    let began = Instant::now();
    while niceness_in(Path::new(&folder)) != own + 5 && began.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(5));
    }
    let niceness = niceness_in(Path::new(&folder)) - own;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(niceness, 5);
}
