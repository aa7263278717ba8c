//! Kernels that are computed from the photo. oneDNN is told for the whole process that kernels do not change.

use crate::host::{Host, Reply};
use menagerie_contract::{LoadRequest, OutputKind, Source, SpecOverrides};
use menagerie_engine::graphdef::{Attribute, GraphBuilder};

/// Bytes of one image.
const IMAGE: usize = 8 * 8 * 3;

/// Each kind of layer and product with a kernel made of the photo's mean colour `p`: a photo of one colour gets the
/// scores `(p · p)³ p_j²`.
fn graph() -> Vec<u8> {
    let window = [("strides", Attribute::Ints(&[1, 1, 1, 1])), ("padding", Attribute::Text("VALID"))];
    let integers = [("Tidx", Attribute::Type(3))];
    let shape = [("Tshape", Attribute::Type(3))];
    let transposed = [("transpose_a", Attribute::Encoded(&[0x28, 1]))];
    let equation = [("equation", Attribute::Text("ij,kj->ik")), ("N", Attribute::Integer(2))];
    GraphBuilder::new()
        .placeholder("input", &[1, 8, 8, 3])
        .indices("axes", &[1, 2])
        .float_node("colour", "Mean", &["input", "axes"], &integers)
        .float_node("outer", "MatMul", &["colour", "colour"], &transposed)
        .indices("dense", &[1, 1, 3, 3])
        .float_node("dense_kernel", "Reshape", &["outer", "dense"], &shape)
        .float_node("convolved", "Conv2D", &["input", "dense_kernel"], &window)
        .float_node("square", "BatchMatMulV2", &["colour", "colour"], &[("adj_y", Attribute::Encoded(&[0x28, 1]))])
        .float_node("squared", "Mul", &["colour", "square"], &[])
        .float_node("sum", "Einsum", &["colour", "colour"], &equation)
        .float_node("cubed", "Mul", &["squared", "sum"], &[])
        .indices("deep", &[1, 1, 3, 1])
        .float_node("deep_kernel", "Reshape", &["cubed", "deep"], &shape)
        .float_node("deepened", "DepthwiseConv2dNative", &["convolved", "deep_kernel"], &window)
        .float_node("scores", "Mean", &["deepened", "axes"], &integers)
        .finish()
}

#[test]
fn they_are_used_as_they_are_for_each_photo() {
    let mut host = Host::start();
    host.receive();
    let overrides = SpecOverrides {
        mean: Some(vec![0.0]),
        std: Some(vec![1.0]),
        output_kind: Some(OutputKind::Logits),
        ..SpecOverrides::default()
    };
    let reply = host.load_as(1, LoadRequest::new(Source::Request, overrides), &graph());
    assert!(matches!(reply, Some((1, Reply::Loaded(_)))), "{reply:?}");
    // More than one second, so that the optimised session has its turn too.
    for (id, colour) in (2..60).zip([[1, 2, 3], [3, 1, 2], [2, 2, 5]].into_iter().cycle()) {
        host.infer(id, 1, &colour.repeat(IMAGE / 3));
        let Some((_, Reply::Scores(scores))) = host.receive() else { panic!("no scores") };
        let squares = colour.map(|value| f32::from(value) * f32::from(value));
        for (score, square) in scores.values.iter().zip(squares) {
            let wanted = squares.iter().sum::<f32>().powi(3) * square;
            assert!((score / wanted - 1.0).abs() < 1e-5, "{score} instead of {wanted} of {colour:?}");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
