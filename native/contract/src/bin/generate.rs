//! Writes the TypeScript types and constants of the contract to the path given as the only argument.

use std::{env, fs, process::ExitCode};

use menagerie_contract::{
    Answer, ErrorCode, Evidence, Hello, InferOptions, LoadRequest, Manifest, ModelSpec, Problem, frame, manifest,
};
use ts_rs::{Config, ExportError, TS};

fn declarations() -> Result<String, ExportError> {
    let config = Config::default();
    let mut out = String::from("// Generated from native/contract by `npm run generate`. Do not edit.\n\n");
    let mut done = std::collections::BTreeMap::new();
    collect::<ModelSpec>(&config, &mut done);
    collect::<Evidence>(&config, &mut done);
    collect::<Manifest>(&config, &mut done);
    collect::<Answer>(&config, &mut done);
    collect::<InferOptions>(&config, &mut done);
    collect::<LoadRequest>(&config, &mut done);
    collect::<Hello>(&config, &mut done);
    collect::<Problem>(&config, &mut done);
    collect::<ErrorCode>(&config, &mut done);
    for declaration in done.values() {
        out.push_str("export ");
        out.push_str(declaration);
        out.push_str("\n\n");
    }
    out.push_str(&format!("export const PROTOCOL = {};\n", frame::PROTOCOL));
    out.push_str(&format!("export const MANIFEST_SCHEMA = {};\n", manifest::MANIFEST_SCHEMA));
    out.push_str(&format!("export const FRAME_HEADER_BYTES = {};\n", frame::HEADER_BYTES));
    out.push_str(&format!("export const FRAME_REQUEST_ID_OFFSET = {};\n", frame::REQUEST_ID_OFFSET));
    out.push_str(&format!("export const FRAME_BYTES_MAX = {};\n", frame::FRAME_BYTES_MAX));
    out.push_str("export const FRAME_KIND = {\n");
    for (kind, name) in frame::FrameKind::ALL {
        out.push_str(&format!("  {name}: {},\n", *kind as u8));
    }
    out.push_str("} as const;\n\nexport const ERROR_CODES = [\n");
    for code in ErrorCode::ALL {
        out.push_str(&format!("  \"{}\",\n", code.as_str()));
    }
    out.push_str("] as const satisfies readonly ErrorCode[];\n");
    Ok(out)
}

fn collect<T: TS + 'static>(config: &Config, done: &mut std::collections::BTreeMap<String, String>) {
    struct Visitor<'a>(&'a Config, &'a mut std::collections::BTreeMap<String, String>);
    impl ts_rs::TypeVisitor for Visitor<'_> {
        fn visit<T: TS + 'static + ?Sized>(&mut self) {
            let name = T::name(self.0);
            if T::output_path().is_some() && !self.1.contains_key(&name) {
                self.1.insert(name, T::decl(self.0));
                T::visit_dependencies(self);
            }
        }
    }
    ts_rs::TypeVisitor::visit::<T>(&mut Visitor(config, done));
}

fn main() -> ExitCode {
    let Some(path) = env::args().nth(1) else {
        eprintln!("usage: generate-contract OUTPUT.ts");
        return ExitCode::from(2);
    };
    let written = declarations()
        .map_err(|error| error.to_string())
        .and_then(|text| fs::write(&path, text).map_err(|error| format!("cannot write {path}: {error}")));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
