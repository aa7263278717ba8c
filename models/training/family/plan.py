"""Which nets are trained and in which forms each is frozen.

The split is by net: every form of a net is in the same part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .freeze import Form
from .nets import architecture

SLIM = Form("slim", "unfused", batch=1)
SLIM_FUSED = Form("slim", "fused1")
KERAS1 = Form("keras1", "fused2")
KERAS1_UNFUSED = Form("keras1", "unfused")
KERAS2 = Form("keras2", "fused3")
ODD = Form("odd", "fused3", tail="logits")
NCHW = Form("odd", "fused3", layout="NCHW", batch=1)
FOLDED = Form("slim", "folded")
FOLDED_ODD = Form("odd", "folded", tail="logits")
FOLDED_KERAS = Form("keras2", "folded")
FOLDED_NCHW = Form("odd", "folded", layout="NCHW")
MUL_ADD = Form("slim", "multiply")


def inside(form: Form, outside: str) -> Form:
    """The form with the normalisation in the graph: `raw`, `unit` or `uint8` stays outside."""
    return replace(form, outside=outside)


@dataclass(frozen=True)
class Net:
    """One trained net."""

    preprocessing: str
    architecture: str
    photos: str
    side: int
    part: str
    forms: tuple[Form, ...]
    head: str = "softmax"
    initialiser: str = "glorot"
    momentum: float = 0.9
    rate: float = 2e-3

    @property
    def name(self) -> str:
        return f"{self.preprocessing}-{self.architecture}-{self.photos}-{self.side}"


def _net(preprocessing: str, shape: str, photos: str, side: int, part: str, *forms: Form, **more) -> Net:
    architecture(shape, 2)
    return Net(preprocessing, shape, photos, side, part, forms, **more)


NETS: tuple[Net, ...] = (
    _net("unit", "mobile", "imagenette10", 64, "tune", SLIM, KERAS2, FOLDED, inside(SLIM_FUSED, "raw"),
         initialiser="slim"),
    _net("unit", "norm_after_bias", "flowers5", 48, "held-out", KERAS1, FOLDED_KERAS, NCHW),
    _net("unit", "plain", "flowers5", 64, "tune", KERAS1, FOLDED_NCHW, inside(KERAS2, "uint8")),
    _net("unit", "norm_after_relu", "imagenette10", 48, "held-out", KERAS2, MUL_ADD, momentum=0.97),
    _net("unit", "preactivation", "waste6", 48, "tune", ODD, SLIM_FUSED, FOLDED),
    _net("unit", "plain", "imagenette10", 32, "held-out", KERAS2, ODD, initialiser="he"),
    _net("symmetric", "mobile", "imagenette10", 48, "held-out", SLIM, SLIM_FUSED, FOLDED, NCHW,
         inside(SLIM_FUSED, "unit"), inside(FOLDED, "unit"), initialiser="slim"),
    _net("symmetric", "mobile_plain", "flowers5", 48, "tune", SLIM, KERAS1, inside(KERAS1, "uint8"),
         initialiser="slim"),
    _net("symmetric", "depthwise_first", "imagenette10", 48, "tune", KERAS1, FOLDED, NCHW, inside(KERAS2, "raw"),
         initialiser="he"),
    _net("symmetric", "two_convs", "waste6", 32, "held-out", KERAS1_UNFUSED, FOLDED_ODD, head="sigmoid"),
    _net("symmetric", "plain", "imagenette10", 48, "held-out", KERAS2, inside(ODD, "raw"), initialiser="he"),
    _net("symmetric", "mobile", "flowers5", 64, "tune", KERAS2, MUL_ADD, FOLDED_NCHW, initialiser="he"),
    _net("raw", "norm_after_bias", "imagenette10", 48, "tune", KERAS1, KERAS2, FOLDED_KERAS),
    _net("raw", "mobile", "flowers5", 48, "held-out", SLIM, FOLDED, Form("odd", "fused3", outside="uint8"),
         initialiser="slim"),
    _net("raw", "plain", "imagenette10", 32, "tune", KERAS1, ODD, rate=5e-4),
    _net("raw", "plain", "waste6", 48, "held-out", KERAS2, FOLDED_NCHW, initialiser="he", rate=5e-4),
    _net("raw", "norm_on_input", "flowers5", 48, "held-out", KERAS2, Form("slim", "unfused"), MUL_ADD),
    _net("raw", "norm_after_pool", "imagenette10", 48, "tune", KERAS1, MUL_ADD),
    _net("centred", "norm_after_bias", "imagenette10", 48, "held-out", KERAS1, FOLDED_KERAS),
    _net("centred", "plain", "flowers5", 48, "tune", KERAS2),
    _net("centred", "mobile", "flowers5", 48, "tune", SLIM_FUSED, FOLDED, inside(KERAS1, "unit"), initialiser="he"),
    _net("centred", "mobile_plain", "imagenette10", 48, "held-out", ODD),
    _net("imagenet", "mobile", "imagenette10", 64, "held-out", SLIM, NCHW, FOLDED_NCHW, inside(NCHW, "unit"),
         initialiser="he"),
    _net("imagenet", "norm_after_relu", "flowers5", 48, "tune", KERAS2, MUL_ADD),
    _net("imagenet", "plain", "imagenette10", 48, "tune", ODD, FOLDED_NCHW, inside(KERAS2, "unit"),
         initialiser="he"),
    _net("imagenet", "preactivation", "imagenette10", 48, "held-out", ODD, NCHW, FOLDED_ODD, initialiser="he"),
    _net("imagenet", "two_convs", "imagenette10", 32, "tune", KERAS1, FOLDED_KERAS, inside(ODD, "raw")),
    _net("imagenet_bgr", "mobile", "imagenette10", 48, "tune", NCHW, FOLDED_NCHW, initialiser="he"),
    _net("caffe", "mobile", "imagenette10", 48, "tune", SLIM, FOLDED, inside(SLIM_FUSED, "raw"), initialiser="slim"),
    _net("caffe", "norm_after_pool", "flowers5", 48, "held-out", KERAS2, MUL_ADD),
    _net("caffe", "plain", "imagenette10", 48, "held-out", KERAS1, inside(FOLDED_NCHW, "raw"), rate=5e-4),
    _net("caffe", "depthwise_first", "flowers5", 64, "held-out", KERAS2, FOLDED, initialiser="he"),
    _net("caffe", "mobile_plain", "flowers5", 48, "tune", SLIM, rate=1e-3),
    _net("unit_bgr", "mobile", "flowers5", 48, "held-out", KERAS2, FOLDED, initialiser="he"),
    _net("unit_bgr", "norm_after_bias", "imagenette10", 48, "tune", KERAS1, FOLDED_KERAS),
    _net("unit_bgr", "plain", "imagenette10", 48, "held-out", KERAS2),
    _net("unit_bgr", "plain", "flowers5", 32, "tune", KERAS1),
    _net("symmetric_bgr", "mobile", "imagenette10", 48, "tune", SLIM_FUSED, FOLDED, initialiser="slim"),
    _net("symmetric_bgr", "mobile_plain", "flowers5", 64, "tune", SLIM),
    _net("symmetric_bgr", "two_convs", "imagenette10", 48, "held-out", KERAS1, FOLDED_ODD),
    _net("raw_bgr", "norm_after_bias", "flowers5", 48, "held-out", KERAS2, FOLDED_KERAS),
    _net("raw_bgr", "mobile", "imagenette10", 64, "tune", ODD, FOLDED, Form("odd", "fused3", outside="uint8"),
         initialiser="he"),
    _net("unit_gray", "plain", "flowers5", 32, "tune", KERAS1, inside(KERAS2, "raw")),
    _net("unit_gray", "norm_after_bias", "imagenette10", 48, "held-out", KERAS2, FOLDED_KERAS),
    _net("symmetric_gray", "mobile", "imagenette10", 48, "tune", SLIM, FOLDED, initialiser="slim"),
    _net("symmetric_gray", "mobile_plain", "waste6", 48, "held-out", ODD),
    _net("raw_gray", "norm_after_bias", "imagenette10", 48, "held-out", KERAS1, FOLDED_KERAS, head="sigmoid"),
    _net("raw_gray", "plain", "waste6", 48, "tune", KERAS2, rate=5e-4, head="binary"),
    _net("twice_gray", "norm_after_bias", "imagenette10", 48, "tune", KERAS2, FOLDED_KERAS),
    _net("twice_gray", "mobile", "flowers5", 48, "held-out", KERAS2, FOLDED, initialiser="he"),
    _net("twice", "mobile", "flowers5", 48, "tune", KERAS2, FOLDED, initialiser="he"),
    _net("twice", "norm_after_bias", "imagenette10", 48, "held-out", KERAS1, FOLDED_KERAS),
    _net("twice_symmetric", "mobile", "waste6", 48, "held-out", KERAS2),
    _net("double", "mobile", "imagenette10", 48, "tune", KERAS2, FOLDED, initialiser="he"),
    _net("double", "norm_after_bias", "flowers5", 48, "held-out", KERAS1, ODD),
    _net("unit_double", "mobile", "imagenette10", 48, "tune", SLIM, initialiser="slim"),
    _net("hundredth", "norm_after_bias", "flowers5", 48, "held-out", KERAS2),
    _net("signed", "mobile", "flowers5", 48, "held-out", SLIM, FOLDED, initialiser="slim"),
    _net("signed", "mobile_plain", "imagenette10", 48, "tune", SLIM, initialiser="slim"),
    _net("cifar", "preactivation", "imagenette10", 32, "tune", NCHW, KERAS2),
    _net("cifar", "mobile", "imagenette10", 32, "held-out", NCHW, KERAS2, initialiser="he"),
    _net("svhn", "mobile", "flowers5", 32, "tune", NCHW, initialiser="he"),
    _net("svhn", "norm_after_bias", "imagenette10", 32, "held-out", ODD),
    _net("xray_gray", "norm_after_bias", "waste6", 48, "tune", NCHW, ODD),
    _net("xray_gray", "mobile", "imagenette10", 48, "held-out", KERAS2, initialiser="he"),
    _net("unit_mean_bgr", "mobile", "imagenette10", 48, "tune", SLIM, FOLDED, initialiser="slim"),
    _net("unit_mean_bgr", "norm_after_bias", "flowers5", 48, "held-out", KERAS2, NCHW),
    _net("caffe_scaled", "mobile", "imagenette10", 48, "held-out", SLIM, initialiser="slim"),
    _net("unit_gray", "mobile", "flowers5", 64, "tune", KERAS2, FOLDED, initialiser="he"),
    _net("unit_gray", "preactivation", "waste6", 48, "held-out", KERAS1, ODD),
    _net("symmetric_bgr", "norm_after_bias", "imagenette10", 48, "held-out", KERAS1, FOLDED_KERAS),
    _net("imagenet_bgr", "norm_after_bias", "flowers5", 48, "tune", NCHW),
)

QUICK = ("unit-mobile-imagenette10-64", "caffe-plain-imagenette10-48", "raw_gray-plain-waste6-48")
