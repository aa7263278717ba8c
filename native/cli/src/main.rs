//! The executable `menagerie-engine`.
//!
//! `serve` holds one model and speaks frames on stdin and stdout, `wrap` becomes a program that does, `wrapper-test` tries one, `once` is the one-shot form, `inspect` explains a
//! graph, `export` writes one for other programs, `check` says whether this machine can run any.

mod check;
mod export;
mod inspect;
mod log;
mod once;
mod queue;
mod sandbox;
mod serve;
mod startup;
mod wrap;
mod wrapper_test;

use std::{env, ffi::OsString, process::ExitCode};

const USAGE: &str = "\
menagerie-engine runs frozen TensorFlow graphs.

  menagerie-engine serve
      holds one model and speaks frames on stdin and stdout; ends when stdin closes
  menagerie-engine wrap [--read PATH]... [--once] -- PROGRAM [ARGUMENT]...
      becomes the program, in a cell in which it may read and execute what is in each PATH and nothing else;
      --once: stays, speaks frames, and starts the program for each image (see `once` for how)
      without PROGRAM: prints what holds of such a cell, as JSON
  menagerie-engine wrapper-test [--read PATH]... [--model FILE] [--once] [--width N] [--height N] [--classes N]
                                [--seconds N] [--json] -- PROGRAM [ARGUMENT]...
      tries whether a program keeps the promises of docs/wrappers.md
  menagerie-engine once <model_len> <input tensor> <output tensor> <width> <height>
      stdin: the graph's bytes, then RGB bytes of one image; stdout: a JSON array of the scores
      `-` for a tensor or a side means: detected
  menagerie-engine inspect GRAPH [LABELS] [--json]
      explains a graph: its input, its output, how photos become its tensor, whether it would be served
  menagerie-engine export
      writes a graph for other programs, as docs/engine-protocol.md says
  menagerie-engine check [--cell]
      loads the runtime, runs a tiny graph, says what confines a model's process;
      --cell also tries from inside what must not work

Environment:
  RUNTIME                   what runs graphs: libtensorflow (default) or onnxruntime
  LIBTENSORFLOW_PATH        folder of libtensorflow
  ONNXRUNTIME_PATH          folder of ONNX Runtime
  TF_ENABLE_ONEDNN_OPTS     0: layers are computed without oneDNN; default 1, wherever it is built in
  ORIGIN                    whose graph `serve` is started for: zoo (default), or stranger, which runs behind all others
                            from the start and takes no graph of the zoo
  SANDBOX                   off, best-effort (default) or required (graphs that are not of the zoo are refused
                            where anything is missing)
  ENGINE_MEMORY_BYTES_MAX   memory of a process's own, default 4 GiB; a graph that is seen to need more is refused
  ENGINE_CPU_SECONDS_MAX    processor time of one load or run, default 300";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match command.to_str() {
        Some("serve") if rest.is_empty() => serve::serve(),
        Some("wrap") => wrap::wrap(rest),
        Some("wrapper-test") => wrapper_test::wrapper_test(rest),
        Some("once") => once::once(rest),
        Some("inspect") => inspect::inspect(rest),
        Some("export") => export::export(rest),
        Some("check") => check::check(rest),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            log::error(&problem.message, &[("code", problem.code.as_str().into())]);
            ExitCode::FAILURE
        }
    }
}
