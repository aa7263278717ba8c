//! What the tests of this crate share: the data beside the project, graphs made on the spot, and seeded randomness.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod made;

use std::{fs, path::PathBuf};

use menagerie_contract::{LoadRequest, Source, SpecOverrides};
use menagerie_graph::{
    dtype::DataType,
    encode::{self, ints_attr},
    wire::{Fields, put_bytes, put_int},
};

/// The folder of test data beside the project, from `MENAGERIE_SHARED` or next to the repository; absent when there is
/// none, which is printed.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MENAGERIE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: the test data {} is not there; set MENAGERIE_SHARED", path.display());
    None
}

/// A request that leaves everything to detection.
pub fn request() -> LoadRequest {
    with(SpecOverrides::default())
}

/// A request with `overrides`.
pub fn with(overrides: SpecOverrides) -> LoadRequest {
    LoadRequest { threads: 1, ..LoadRequest::new(Source::Request, overrides) }
}

/// `GraphDef` bytes, node by node.
#[derive(Clone, Default)]
pub struct GraphBuilder {
    pub bytes: Vec<u8>,
}

impl GraphBuilder {
    /// A graph with a float placeholder `input` of `extents`.
    pub fn with_input(extents: &[Option<u64>]) -> Self {
        let mut graph = Self::default();
        graph.placeholder("input", DataType::Float, extents);
        graph
    }

    pub fn node(&mut self, name: &str, op: &str, inputs: &[&str], attributes: &[(&str, Vec<u8>)]) -> &mut Self {
        encode::put_node(&mut self.bytes, name, op, inputs, attributes);
        self
    }

    /// A function of the graph's library (`function.proto`): `body` takes `arguments`, and its endpoints give the results.
    pub fn function(&mut self, name: &str, arguments: &[&str], results: &[(&str, &str)], body: &Self) -> &mut Self {
        let (mut signature, mut function, mut library) = (Vec::new(), Vec::new(), Vec::new());
        put_bytes(&mut signature, 1, name.as_bytes());
        for (field, name) in arguments.iter().map(|name| (2, *name)).chain(results.iter().map(|(name, _)| (3, *name))) {
            let mut argument = Vec::new();
            put_bytes(&mut argument, 1, name.as_bytes());
            put_int(&mut argument, 3, 1);
            put_bytes(&mut signature, field, &argument);
        }
        put_bytes(&mut function, 1, &signature);
        for node in Fields::new(&body.bytes) {
            let (_, node) = node.unwrap();
            put_bytes(&mut function, 3, node.bytes(1).unwrap());
        }
        for (name, endpoint) in results {
            let mut entry = Vec::new();
            put_bytes(&mut entry, 1, name.as_bytes());
            put_bytes(&mut entry, 2, endpoint.as_bytes());
            put_bytes(&mut function, 4, &entry);
        }
        put_bytes(&mut library, 1, &function);
        put_bytes(&mut self.bytes, 2, &library);
        self
    }

    pub fn placeholder(&mut self, name: &str, dtype: DataType, extents: &[Option<u64>]) -> &mut Self {
        let attributes = [("dtype", encode::dtype_attr(dtype)), ("shape", encode::shape_attr(&extents.to_vec()))];
        self.node(name, "Placeholder", &[], &attributes)
    }

    pub fn floats(&mut self, name: &str, extents: &[u64], values: &[f32]) -> &mut Self {
        let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DataType::Float, extents, &content)
    }

    pub fn ints(&mut self, name: &str, values: &[i32]) -> &mut Self {
        let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DataType::Int32, &[values.len() as u64], &content)
    }

    pub fn constant(&mut self, name: &str, dtype: DataType, extents: &[u64], content: &[u8]) -> &mut Self {
        let attributes =
            [("dtype", encode::dtype_attr(dtype)), ("value", encode::tensor_attr(dtype, extents, content))];
        self.node(name, "Const", &[], &attributes)
    }

    /// An op on floats without attributes of its own.
    pub fn op(&mut self, name: &str, op: &str, inputs: &[&str]) -> &mut Self {
        self.node(name, op, inputs, &[("T", encode::dtype_attr(DataType::Float))])
    }

    /// A convolution of `input` with a new kernel of `extents` (rows, columns, in, out), stride 1, padding SAME.
    pub fn convolution(&mut self, name: &str, input: &str, extents: [u64; 4], values: &[f32]) -> &mut Self {
        let kernel = format!("{name}/kernel");
        self.floats(&kernel, &extents, values);
        let attributes = [
            ("T", encode::dtype_attr(DataType::Float)),
            ("strides", ints_attr(&[1, 1, 1, 1])),
            ("padding", encode::text_attr("SAME")),
        ];
        self.node(name, "Conv2D", &[input, &kernel], &attributes)
    }

    /// The mean over rows and columns.
    pub fn pool(&mut self, name: &str, input: &str) -> &mut Self {
        let axes = format!("{name}/axes");
        self.ints(&axes, &[1, 2]);
        self.op(name, "Mean", &[input, &axes])
    }

    /// A matrix product with a new kernel of `extents` (in, out).
    pub fn product(&mut self, name: &str, input: &str, extents: [u64; 2]) -> &mut Self {
        let kernel = format!("{name}/kernel");
        let values = vec![0.5; (extents[0] * extents[1]) as usize];
        self.floats(&kernel, &extents, &values);
        self.op(name, "MatMul", &[input, &kernel])
    }
}

/// A small net for 8 x 8 colour images and `classes` classes that ends at node `logits`.
pub fn small_net(classes: u64) -> GraphBuilder {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    graph.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]);
    graph.op("relu", "Relu", &["conv"]);
    graph.pool("pool", "relu");
    graph.product("logits", "pool", [4, classes]);
    graph
}

/// Xorshift (Marsaglia 2003): small and equal everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Graphs to cut and change: a made one, and real ones of at most `bytes_max` where they are.
pub fn seeds(bytes_max: u64) -> Vec<Vec<u8>> {
    let mut seeds = vec![small_net(5).op("softmax", "Softmax", &["logits"]).bytes.clone()];
    for (folder, name) in [("zoo-data", "graph.pb"), ("graphs-odd", "")] {
        let Some(folder) = shared(folder) else { continue };
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let path = if name.is_empty() { path } else { path.join(name) };
            if path.metadata().is_ok_and(|facts| facts.len() <= bytes_max) && path.is_file() {
                seeds.push(fs::read(path).unwrap());
            }
        }
    }
    seeds
}

/// One random change; most hit the first kilobytes, where structure is denser than weights.
pub fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let span = if random.below(3) == 0 { bytes.len() } else { bytes.len().min(4096) };
    let at = random.below(span);
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        2 => {
            bytes.remove(at);
        }
        3 => bytes.insert(at, random.below(256) as u8),
        4 => {
            let end = (at + random.below(64)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        _ => bytes.truncate(at + 1),
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}
