//! A graph that a new class layer is put on.

use menagerie_contract::{ChannelOrder, Dtype, LoadRequest, Resize, Source, SpecOverrides};

pub use crate::rewrite::retrain::{Dense, End, FEATURES, INPUT, OUTPUT};
use crate::{
    data::graph::Graph,
    error::GraphError,
    find::{
        features::{self, FeaturesFound},
        found::{InputFound, Normalization, OutputFound},
        input, normalization, output,
    },
    limits::GraphLimits,
    resolve::{graph_bytes, read},
    rewrite::retrain::{self, Told},
};

/// How far two numbers of a scaling may be apart to be the same, as a share of the larger: the digits that an f32 holds.
const SAME: f32 = 1e-5;

/// A graph up to its features or with a new class layer, and the features that were found.
#[derive(Clone, Debug)]
pub struct Retrained {
    /// The `GraphDef`. Its image input is [`INPUT`], its features [`FEATURES`], its probabilities [`OUTPUT`]. With a new class
    /// layer, everything about its input is read out of it; where the scaling or the order of channels would not be, it takes
    /// bytes of RGB or grey, and has both inside.
    pub graph: Vec<u8>,
    /// What they are in the graph that came.
    pub features: FeaturesFound,
    /// Whether there are features of mirror images too.
    pub has_mirror: bool,
}

/// Cuts `file` off behind its features, those of `named` where that is given, and puts `end` there.
///
/// # Errors
/// As [`crate::resolve()`] and [`features::find`]; [`GraphError::Override`] for a head of another size.
pub fn retrain(
    file: &[u8],
    request: &LoadRequest,
    named: Option<&str>,
    end: End<'_>,
    limits: &GraphLimits,
) -> Result<Retrained, GraphError> {
    let definition = graph_bytes(file, request.format, limits)?;
    let (graph, request) = read(&definition, request, limits)?;
    let (input, output) = ends(&graph, &request, limits)?;
    let features = features::find(&graph, &input, &output, named, limits)?;
    check_head(end, features.size as usize)?;
    let has_mirror = input.width_axis().is_some();
    if matches!(end, End::MirroredFeatures) && !has_mirror {
        return Err(GraphError::NoFeatures("its pixels lie in one list, which has no mirror image".into()));
    }
    let told = match end {
        End::Head { .. } => told(&graph, &input, &output, &request, limits, |told| {
            retrain::write(&graph, &input, &features, end, told)
        })?,
        End::Features | End::MirroredFeatures => Told::default(),
    };
    let graph = retrain::write(&graph, &input, &features, end, &told);
    Ok(Retrained { graph, features, has_mirror })
}

fn ends(
    graph: &Graph<'_>,
    request: &LoadRequest,
    limits: &GraphLimits,
) -> Result<(InputFound, OutputFound), GraphError> {
    let input = input::find(graph, request, limits)?;
    let output = output::find(graph, &input, request, limits)?;
    Ok((input, output))
}

fn check_head(end: End<'_>, size: usize) -> Result<(), GraphError> {
    let End::Head { hidden, classes } = end else { return Ok(()) };
    let mut size = size;
    for Dense { weights, biases } in hidden.into_iter().chain([classes]) {
        if biases.is_empty() || weights.len() != size * biases.len() {
            let reason = format!("they do not fit {size} features and {} classes", biases.len());
            return Err(GraphError::Override { field: "weights", value: weights.len().to_string(), reason });
        }
        size = biases.len();
    }
    Ok(())
}

/// What has to be written so that a graph is read as the request has it, with nothing said.
fn told(
    graph: &Graph<'_>,
    input: &InputFound,
    output: &OutputFound,
    request: &LoadRequest,
    limits: &GraphLimits,
    write: impl Fn(&Told) -> Vec<u8>,
) -> Result<Told, GraphError> {
    let mut wanted = normalization::detect(graph, input, output);
    normalization::note::apply(graph, input, &mut wanted);
    normalization::settings::override_normalization(&mut wanted, input, request)?;
    let mut told = Told::default();
    let mut found = found_in(&write(&told), limits)?;
    let is_told = is_same(&found.mean, &wanted.mean)
        && is_same(&found.std, &wanted.std)
        && found.channel_order == wanted.channel_order;
    if !is_told && input.dtype == Dtype::Float32 {
        told.front = Some(wanted.clone());
        if retrain::has_channel_axis(input) && wanted.channel_order == ChannelOrder::Bgr {
            wanted.channel_order = ChannelOrder::Rgb;
        }
        found = found_in(&write(&told), limits)?;
    }
    let is_cut = wanted.resize == Resize::CenterCrop;
    let note = SpecOverrides {
        channel_order: (found.channel_order != wanted.channel_order).then_some(wanted.channel_order),
        resize: (found.resize != wanted.resize).then_some(wanted.resize),
        crop_fraction: (is_cut && !is_same(&[found.crop_fraction], &[wanted.crop_fraction]))
            .then_some(wanted.crop_fraction),
        resize_filter: (found.resize_filter != wanted.resize_filter).then_some(wanted.resize_filter),
        ..SpecOverrides::default()
    };
    told.note = Some(note).filter(|note| *note != SpecOverrides::default());
    Ok(told)
}

fn found_in(file: &[u8], limits: &GraphLimits) -> Result<Normalization, GraphError> {
    let nothing = LoadRequest::new(Source::Request, SpecOverrides::default());
    let definition = graph_bytes(file, nothing.format, limits)?;
    let (graph, request) = read(&definition, &nothing, limits)?;
    let (input, output) = ends(&graph, &request, limits)?;
    Ok(normalization::detect(&graph, &input, &output))
}

fn is_same(one: &[f32], other: &[f32]) -> bool {
    let is_near = |(one, other): (&f32, &f32)| (one - other).abs() <= SAME * one.abs().max(other.abs());
    one.len() == other.len() && one.iter().zip(other).all(is_near)
}
