//! A graph that a new class layer is put on.

use menagerie_contract::LoadRequest;

pub use crate::rewrite::retrain::{End, FEATURES, INPUT, OUTPUT};
use crate::{
    error::GraphError,
    find::{
        features::{self, FeaturesFound},
        input, output,
    },
    limits::GraphLimits,
    resolve::{graph_bytes, read},
    rewrite::retrain,
};

/// A graph up to its features or with a new class layer, and the features that were found.
#[derive(Clone, Debug)]
pub struct Retrained {
    /// The `GraphDef`. Its image input is [`INPUT`], its features [`FEATURES`], its probabilities [`OUTPUT`].
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
    let input = input::find(&graph, &request, limits)?;
    let output = output::find(&graph, &input, &request, limits)?;
    let features = features::find(&graph, &input, &output, named, limits)?;
    if let End::Head { weights, biases } = end
        && (biases.is_empty() || weights.len() != features.size as usize * biases.len())
    {
        let reason = format!("they do not fit {} features and {} classes", features.size, biases.len());
        return Err(GraphError::Override { field: "weights", value: weights.len().to_string(), reason });
    }
    let has_mirror = input.width_axis().is_some();
    if matches!(end, End::MirroredFeatures) && !has_mirror {
        return Err(GraphError::NoFeatures("its pixels lie in one list, which has no mirror image".into()));
    }
    let graph = retrain::write(&graph, &input, &features, end);
    Ok(Retrained { graph, features, has_mirror })
}
