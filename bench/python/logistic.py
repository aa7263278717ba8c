"""Top-1 of scikit-learn's LogisticRegression on features that bench/teach.mjs wrote: as they are, and standardised."""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# As scikit-learn 1.11 will have it by default.
MODERN = {"scoring": "neg_log_loss", "use_legacy_attributes": False, "l1_ratios": [0]}
CROSS_VALIDATED = {"Cs": 7, "cv": 3, "max_iter": 500, **MODERN}

folder = Path(sys.argv[1])
facts = json.loads((folder / "facts.json").read_text())
rows = np.fromfile(folder / "rows.f32", dtype="<f4").reshape(-1, facts["size"]).astype(np.float64)
train, classes = rows[facts["kept"]], facts["keptClasses"]
test, truths = rows[facts["test"]], facts["testClasses"]
models = {
    "plain": LogisticRegression(max_iter=5000),
    "standardised": make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)),
    "cross_validated": make_pipeline(StandardScaler(), LogisticRegressionCV(**CROSS_VALIDATED)),
}
scores = {name: float(np.mean(model.fit(train, classes).predict(test) == truths)) for name, model in models.items()}
print(json.dumps({name: round(score, 4) for name, score in scores.items()}))
