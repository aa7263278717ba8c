"""The largest difference of probabilities between TensorFlow and the service, on photos that bench/taught.mjs asked of.

TensorFlow runs the graph file as it is. It is fed with the pixels that the service saw, scaled as the manifest says.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

folder, asked = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
manifest = json.loads((folder / "manifest.json").read_text())
how = manifest["input"]


def fed(pixels: NDArray[np.uint8]) -> NDArray[np.generic]:
    """One image as the manifest has it."""
    if how["dtype"] == "uint8":
        return pixels
    values = pixels[..., ::-1] if how["channel_order"] == "BGR" else pixels
    return (values.astype(np.float32) - np.float32(how["mean"])) / np.float32(how["std"])


graph_def = tf.compat.v1.GraphDef.FromString((folder / manifest["graph"]["file"]).read_bytes())
worst = 0.0
with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
    tf.import_graph_def(graph_def, name="")
    temperature = manifest.get("calibration", {}).get("temperature", 1)
    for photo in asked:
        pixels = np.asarray(Image.open(photo["picture"]))
        feed = {graph.get_tensor_by_name("input:0"): fed(pixels)[None]}
        scores = session.run("final_result:0", feed)[0].astype(np.float64)
        tempered = scores ** (1 / temperature)
        difference = np.abs(tempered / tempered.sum() - np.array(photo["probabilities"])).max()
        worst = max(worst, float(difference))
print(json.dumps({"tensorflow": tf.__version__, "photos": len(asked), "difference": worst}))
