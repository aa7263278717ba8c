/**
 * Frozen graphs that do all the harm that the allow-list lets them do, written as `graph.proto` and its kin encode them.
 */
const FLOAT = 1;
const INT32 = 3;

const varint = (value) => {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    if (rest <= 0x7fn) return Buffer.from(bytes);
  }
};
const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field, content) => {
  const body = Buffer.from(content);
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
};
const shapeOf = (extents) => Buffer.concat(extents.map((extent) => bytes(2, number(1, extent))));

const type = (dtype) => number(6, dtype);
const shape = (extents) => bytes(7, shapeOf(extents));
const text = (value) => bytes(2, value);
const ints = (values) => bytes(1, Buffer.concat(values.map((value) => number(3, value))));
const tensor = (dtype, extents, array) =>
  bytes(8, Buffer.concat([number(1, dtype), bytes(2, shapeOf(extents)), bytes(4, Buffer.from(array.buffer))]));

function node(name, op, inputs, attributes) {
  const entries = Object.entries(attributes).map(([key, value]) => bytes(5, [...bytes(1, key), ...bytes(2, value)]));
  return bytes(1, Buffer.concat([bytes(1, name), bytes(2, op), ...inputs.map((input) => bytes(3, input)), ...entries]));
}

const floats = (name, extents, values) =>
  node(name, "Const", [], { dtype: type(FLOAT), value: tensor(FLOAT, extents, Float32Array.from(values)) });
const integers = (name, values) =>
  node(name, "Const", [], { dtype: type(INT32), value: tensor(INT32, [values.length], Int32Array.from(values)) });
const layer = (name, op, inputs, attributes = {}) => node(name, op, inputs, { T: type(FLOAT), ...attributes });

/** A classifier of two classes for images of `side` x `side`; the last of `layers` is `last`, with `channels` channels. */
function classifier(side, channels, layers, last) {
  return Buffer.concat([
    node("input", "Placeholder", [], { dtype: type(FLOAT), shape: shape([-1, side, side, 3]) }),
    ...layers,
    integers("axes", [1, 2]),
    layer("pooled", "Mean", [last, "axes"], { Tidx: type(INT32) }),
    floats("weights", [channels, 2], Array(channels * 2).fill(0.01)),
    layer("logits", "MatMul", ["pooled", "weights"]),
    layer("output", "Softmax", ["logits"]),
  ]);
}

/** Works for seconds: `depth` convolutions of 64 channels at 256 x 256, 2.4 thousand million multiply-adds each. */
export function busyGraph(depth) {
  const window = { strides: ints([1, 1, 1, 1]), padding: text("SAME") };
  const layers = Array.from({ length: depth }, (_, index) =>
    layer(`layer${index + 1}`, "Conv2D", [`layer${index}`, "kernel"], window),
  );
  const first = [
    floats("first", [3, 3, 3, 64], Array(9 * 3 * 64).fill(0.01)),
    floats("kernel", [3, 3, 64, 64], Array(9 * 64 * 64).fill(0.001)),
    layer("layer0", "Conv2D", ["input", "first"], window),
  ];
  return classifier(256, 64, [...first, ...layers], `layer${depth}`);
}

/** Fills and gives back memory: tensors of 491 MB, two at a time, `depth` times in a run. */
export function greedyGraph(depth) {
  const layers = Array.from({ length: depth }, (_, index) => [
    layer(`large${index}`, "Tile", ["input", "times"], { Tmultiples: type(INT32) }),
    layer(`copy${index}`, "Relu", [`large${index}`]),
    layer(`small${index}`, "AvgPool", [`copy${index}`], {
      ksize: ints([1, 100, 100, 1]),
      strides: ints([1, 100, 100, 1]),
      padding: text("VALID"),
    }),
    layer(`sum${index + 1}`, "AddV2", [`sum${index}`, `small${index}`]),
  ]);
  const first = [integers("times", [1, 100, 100, 1]), layer("sum0", "Relu", ["input"])];
  return classifier(64, 3, [...first, ...layers.flat()], `sum${depth}`);
}

/** A classifier of two classes for images of 8 x 8, in about a kilobyte; each seed is another graph. */
export function tinyGraph(seed) {
  return classifier(8, 3, [floats("seed", [1], [seed]), layer("shifted", "AddV2", ["input", "seed"])], "shifted");
}

/** The same for images of any size; photos that decide about its side take a load for each of those that are tried. */
export function openGraph(seed) {
  return classifier(-1, 3, [floats("seed", [1], [seed]), layer("shifted", "AddV2", ["input", "seed"])], "shifted");
}

/** Works for a while: `depth` convolutions of 64 channels at 64 x 64, 151 million multiply-adds each. */
export function slowGraph(depth, seed) {
  const window = { strides: ints([1, 1, 1, 1]), padding: text("SAME") };
  const layers = Array.from({ length: depth }, (_, index) =>
    layer(`layer${index + 1}`, "Conv2D", [`layer${index}`, "kernel"], window),
  );
  const first = [
    floats("first", [3, 3, 3, 64], Array(9 * 3 * 64).fill(0.01)),
    floats("kernel", [3, 3, 64, 64], [seed * 1e-6, ...Array(9 * 64 * 64 - 1).fill(0.001)]),
    layer("layer0", "Conv2D", ["input", "first"], window),
  ];
  return classifier(64, 64, [...first, ...layers], `layer${depth}`);
}
