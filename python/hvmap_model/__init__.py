"""Trains, packages and measures the tile classifiers that hvmap runs.

In: tiles in labelled folders, or a Keras model. Out: a Keras model, or one ONNX file in hvmap's
model contract. Never: anything at run time; the Rust program reads the ONNX file alone.
"""

__version__ = "0.1.0"
