//! Landlock: no file and no network address, for this thread and all that it starts from now on.
//!
//! Threads that the runtime started before keep what they have, so writing is forbidden before it is loaded, and
//! seccomp, which reaches every thread, denies all calls that open anything.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};

/// The newest rights that are asked for; an older kernel gives those that it knows.
const NEWEST: ABI = ABI::V6;

/// Forbids to change files and to use the network.
pub fn forbid_writing() -> Result<(), String> {
    restrict(AccessFs::from_write(NEWEST), &[])
}

/// Forbids to read files, too.
pub fn forbid_everything() -> Result<(), String> {
    restrict(AccessFs::from_all(NEWEST), &[])
}

/// Forbids all but to read, list and execute what is in these folders and files; those that are not there are passed over.
pub fn allow_reading(paths: &[PathBuf]) -> Result<(), String> {
    restrict(AccessFs::from_all(NEWEST), paths)
}

/// Takes rights away, and gives those to read back for `readable`.
fn restrict(rights: BitFlags<AccessFs>, readable: &[PathBuf]) -> Result<(), String> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(rights)
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(readable, AccessFs::from_read(NEWEST))))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => Err("this kernel knows only a part of it (Linux 6.12 knows all)".into()),
        RulesetStatus::NotEnforced => Err("this kernel does not offer it (Linux 5.13 does)".into()),
    }
}
