"""Flask + TensorFlow + Pillow: the service of the tutorials."""

from classifier import Classifier
from flask import Flask, jsonify, request

app = Flask(__name__)
classifier = Classifier()


@app.post("/")
def infer():
    """The class of the image in the body."""
    return jsonify(classifier.classify(request.get_data()))
