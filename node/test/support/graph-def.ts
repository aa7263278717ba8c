/**
 * Small frozen graphs, written as the tests need them: the protocol buffer encoding of tensorflow/core/framework
 * graph.proto, node_def.proto, attr_value.proto and tensor.proto.
 */

const DT_FLOAT = 1;
const DT_INT32 = 3;
const DT_STRING = 7;

type Attributes = Readonly<Record<string, Buffer>>;

interface Node {
  readonly name: string;
  readonly op: string;
  readonly inputs?: readonly string[];
  readonly attributes: Attributes;
}

export const COLOURS = Buffer.from("red\ngreen\nblue\n");

/** Softmax of an image's mean colour: with pixels of 0..1, a red image is class 0 with 0.576 and others 0.212. */
export function meanColourGraph(side = 8, nonce = ""): Buffer {
  return graphDef([
    { name: "input", op: "Placeholder", attributes: { dtype: type(DT_FLOAT), shape: shape([-1, side, side, 3]) } },
    { name: `axes${nonce}`, op: "Const", attributes: { dtype: type(DT_INT32), value: int32Tensor([1, 2]) } },
    {
      name: "mean",
      op: "Mean",
      inputs: ["input", `axes${nonce}`],
      attributes: { T: type(DT_FLOAT), Tidx: type(DT_INT32), keep_dims: bool(false) },
    },
    { name: "probabilities", op: "Softmax", inputs: ["mean"], attributes: { T: type(DT_FLOAT) } },
  ]);
}

/** As `meanColourGraph`, with the colour times itself: by an op that ONNX Runtime has no translation for. */
export function untranslatedGraph(): Buffer {
  return graphDef([
    { name: "input", op: "Placeholder", attributes: { dtype: type(DT_FLOAT), shape: shape([-1, 8, 8, 3]) } },
    { name: "axes", op: "Const", attributes: { dtype: type(DT_INT32), value: int32Tensor([1, 2]) } },
    {
      name: "mean",
      op: "Mean",
      inputs: ["input", "axes"],
      attributes: { T: type(DT_FLOAT), Tidx: type(DT_INT32), keep_dims: bool(false) },
    },
    { name: "square", op: "MulNoNan", inputs: ["mean", "mean"], attributes: { T: type(DT_FLOAT) } },
    { name: "probabilities", op: "Softmax", inputs: ["square"], attributes: { T: type(DT_FLOAT) } },
  ]);
}

/** A graph whose answer hangs on a file of the machine that runs it. */
export function fileReadingGraph(): Buffer {
  return graphDef([
    { name: "input", op: "Placeholder", attributes: { dtype: type(DT_FLOAT), shape: shape([-1, 8, 8, 3]) } },
    { name: "axes", op: "Const", attributes: { dtype: type(DT_INT32), value: int32Tensor([1, 2]) } },
    {
      name: "mean",
      op: "Mean",
      inputs: ["input", "axes"],
      attributes: { T: type(DT_FLOAT), Tidx: type(DT_INT32), keep_dims: bool(false) },
    },
    { name: "path", op: "Const", attributes: { dtype: type(DT_STRING), value: stringTensor("/etc/hostname") } },
    { name: "read", op: "ReadFile", inputs: ["path"], attributes: {} },
    {
      name: "numbers",
      op: "DecodeRaw",
      inputs: ["read"],
      attributes: { out_type: type(DT_FLOAT), little_endian: bool(true) },
    },
    { name: "sum", op: "AddV2", inputs: ["mean", "numbers"], attributes: { T: type(DT_FLOAT) } },
    { name: "probabilities", op: "Softmax", inputs: ["sum"], attributes: { T: type(DT_FLOAT) } },
  ]);
}

function graphDef(nodes: readonly Node[]): Buffer {
  const versions = message(4, varintField(1, 27));
  return Buffer.concat([...nodes.map((node) => message(1, nodeDef(node))), versions]);
}

function nodeDef({ name, op, inputs = [], attributes }: Node): Buffer {
  return Buffer.concat([
    text(1, name),
    text(2, op),
    ...inputs.map((input) => text(3, input)),
    ...Object.entries(attributes).map(([key, value]) => message(5, Buffer.concat([text(1, key), message(2, value)]))),
  ]);
}

function type(dataType: number): Buffer {
  return varintField(6, dataType);
}

function bool(value: boolean): Buffer {
  return varintField(5, value ? 1 : 0);
}

function shape(sizes: readonly number[]): Buffer {
  return message(7, shapeProto(sizes));
}

function int32Tensor(values: readonly number[]): Buffer {
  const content = Buffer.from(new Int32Array(values).buffer);
  return message(
    8,
    Buffer.concat([varintField(1, DT_INT32), message(2, shapeProto([values.length])), message(4, content)]),
  );
}

function stringTensor(value: string): Buffer {
  return message(8, Buffer.concat([varintField(1, DT_STRING), message(2, Buffer.alloc(0)), text(8, value)]));
}

function shapeProto(sizes: readonly number[]): Buffer {
  return Buffer.concat(sizes.map((size) => message(2, varintField(1, size))));
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value));
}

function message(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

/** Negative numbers are written as 64-bit two's complement. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}
