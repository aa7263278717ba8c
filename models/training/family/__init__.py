"""Small nets with known pre-processing, to tune and test the detection of it.

`python -m family.make --data DIR --out DIR` (from models/training) trains each
net of `plan.NETS` for a short time and freezes it in several forms, each with
the truth beside it.
"""
