//! Prints one line for each graph file: its name, and the SHA-256 of everything that is found out about it and of what it
//! is prepared to; or why it is refused. Every processor has to print the same lines.
//!
//! `digests FILE…`

use menagerie_contract::{LoadRequest, Source, SpecOverrides};
use menagerie_graph::{GraphLimits, resolve};
use sha2::{Digest, Sha256};

fn main() {
    let request = LoadRequest::new(Source::Request, SpecOverrides::default());
    for file in std::env::args().skip(1) {
        match std::fs::read(&file) {
            Err(error) => println!("{file} {error}"),
            Ok(bytes) => match resolve(&bytes, &request, &GraphLimits::default()) {
                Ok(resolved) => {
                    let spec = serde_json::to_vec(&resolved.spec).unwrap_or_default();
                    println!("{file} {:x} {:x}", Sha256::digest(spec), Sha256::digest(resolved.graph));
                }
                Err(error) => println!("{file} {error}"),
            },
        }
    }
}
