"""Turn a Keras model (.keras, .h5) or a SavedModel folder into a frozen graph.

    python keras_to_frozen.py model.keras graph.pb

Needs Python and TensorFlow (`pip install tensorflow-cpu`; see requirements.txt
for the version this was tried with). Writes one GraphDef with the variables as
constants and prints the input and output tensors for the manifest.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

SIGNATURE = "serving_default"


def require_tensorflow() -> Any:
    """TensorFlow's module, or a clear message and exit status 2."""
    try:
        import tensorflow
    except ImportError as error:
        print(
            "keras_to_frozen: TensorFlow for Python is missing "
            f"({error}); install it with: pip install tensorflow-cpu",
            file=sys.stderr,
        )
        raise SystemExit(2) from error
    return tensorflow


def concrete_function(tf: Any, source: Path) -> Any:
    """The model's inference function with a free batch."""
    if source.is_dir():
        loaded = tf.saved_model.load(str(source))
        signatures = dict(loaded.signatures)
        if not signatures:
            raise SystemExit(f"keras_to_frozen: {source} has no signature to freeze")
        function = signatures.get(SIGNATURE, next(iter(signatures.values())))
        function.loaded = loaded  # the variables die with the loaded object
        return function
    model = tf.keras.models.load_model(source, compile=False)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise SystemExit(
            f"keras_to_frozen: one input and one output wanted, {source} has "
            f"{len(model.inputs)} and {len(model.outputs)}"
        )
    wanted = model.inputs[0]
    spec = tf.TensorSpec(wanted.shape, wanted.dtype, name="input")
    return tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)


def freeze(tf: Any, function: Any) -> tuple[Any, list[Any], list[Any]]:
    """The GraphDef with constants for variables, its inputs and its outputs."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    frozen = convert_variables_to_constants_v2(function)
    inputs = [tensor for tensor in frozen.inputs if tensor.dtype != tf.resource]
    return frozen.graph.as_graph_def(), inputs, list(frozen.outputs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help=".keras, .h5 or a SavedModel folder")
    parser.add_argument("target", type=Path, help="the frozen graph to write (.pb)")
    args = parser.parse_args()
    if not args.source.exists():
        raise SystemExit(f"keras_to_frozen: {args.source} does not exist")
    tf = require_tensorflow()
    graph_def, inputs, outputs = freeze(tf, concrete_function(tf, args.source))
    args.target.write_bytes(graph_def.SerializeToString(deterministic=True))
    for role, tensors in (("input", inputs), ("output", outputs)):
        for tensor in tensors:
            print(f"{role} {tensor.op.name} {tensor.dtype.name} {tensor.shape}")
    print(f"wrote {args.target} ({args.target.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
