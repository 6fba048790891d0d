"""The rows of docs/BENCHMARKS.md, in its order; a module each, with a `ROW`."""

from importlib import import_module

NAMES = (
    "keras",
    "openvino",
    "onnxruntime",
    "bare",
    "serve",
    "latency",
    "kserve",
    "cover",
    "imagery",
    "jpeg",
    "ledger",
    "gpu",
)


def rows() -> dict:
    return {name: import_module(f"rows.{name}").ROW for name in NAMES}
