"""`hvmap-model`: the command line."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from . import __version__
from .contract import BrokenContract


def main(arguments: list[str] | None = None) -> int:
    """Runs a command. Returns 0, or 2 after one line that says what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError, BrokenContract) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        print("hint: pip install './python[keras]' brings TensorFlow", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hvmap-model",
        description="Train, package and measure the tile classifiers that hvmap runs.",
    )
    parser.add_argument("--version", action="version", version=f"hvmap-model {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _train_arguments(commands)
    _package_arguments(commands)
    _evaluate_arguments(commands)
    _check_arguments(commands)
    return parser


def _train_arguments(commands) -> None:
    command = commands.add_parser(
        "train",
        help="train a slim Xception on labelled tiles",
        description="Train a slim Xception on folders with tower/ and negative/, images named "
        "z-x-y.jpg. Example: hvmap-model train tiles -o tower.keras",
    )
    command.set_defaults(run=_train)
    command.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.keras")
    command.add_argument("--init", type=Path, metavar="FILE.keras", help="start from these weights")
    for name, default in _defaults().items():
        flag = "--" + name.replace("_", "-")
        command.add_argument(flag, type=type(default), default=default, help=f"[{default}]")


def _defaults() -> dict:
    """The training settings and their defaults, without loading TensorFlow."""
    from .settings import Settings

    return {entry.name: entry.default for entry in dataclasses.fields(Settings)}


def _train(options) -> None:
    from .settings import Settings
    from .train import train

    settings = Settings(**{name: getattr(options, name) for name in _defaults()})
    train(options.folders, options.output, settings, options.init)


def _package_arguments(commands) -> None:
    command = commands.add_parser(
        "package",
        help="package a Keras model as one ONNX file in hvmap's contract",
        description="Writes DIR/NAME/VERSION/model.onnx. Example: hvmap-model package "
        "tower.keras -o models --name hv_grid --tiles tiles",
    )
    command.set_defaults(run=_package)
    command.add_argument("model", type=Path, metavar="MODEL.keras")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    command.add_argument("--name", required=True)
    command.add_argument("--version", dest="number", type=int, default=1)
    command.add_argument("--tiles", type=Path, required=True, metavar="FOLDER",
                         help="labelled tiles for the proof of parity and the canaries")
    command.add_argument("--tiles-count", type=int, default=400, metavar="N",
                         help="how many of them, from each label the same [400]")
    command.add_argument("--classes", default="negative,tower", help="names [negative,tower]")
    command.add_argument("--positive", default="tower", help="names, with commas [tower]")
    command.add_argument("--threshold", type=float, default=0.5, help="recommended [0.5]")
    command.add_argument("--training", choices=("synthetic", "real", "unknown"), default="unknown",
                         help="what the model was trained on [unknown]")
    command.add_argument("--licence", default="")


def _package(options) -> None:
    from .export import Package, package
    from .tiles import find_tiles, sample

    tiles = sample(find_tiles([options.tiles]), options.tiles_count, seed=1)
    notes = Package(
        classes=options.classes.split(","),
        positives=options.positive.split(","),
        threshold=options.threshold,
        training=options.training,
        licence=options.licence,
    )
    out = options.output / options.name / str(options.number) / "model.onnx"
    metadata = package(options.model, out, notes, tiles)
    print(out)
    print(metadata.parity)


def _evaluate_arguments(commands) -> None:
    command = commands.add_parser(
        "evaluate",
        help="measure an ONNX file on labelled tiles",
        description="Scores labelled tiles and prints recall and false-positive rates as JSON.",
    )
    command.set_defaults(run=_evaluate)
    command.add_argument("model", type=Path, metavar="MODEL.onnx")
    command.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    command.add_argument("--scores", type=Path, metavar="FILE.csv",
                         help="append a line for each tile: label, kind, style, score, distance")


def _evaluate(options) -> None:
    import json

    from .evaluate import evaluate

    print(json.dumps(evaluate(options.model, options.folders, options.scores)))


def _check_arguments(commands) -> None:
    command = commands.add_parser("check", help="check an ONNX file against hvmap's contract")
    command.set_defaults(run=_check)
    command.add_argument("model", type=Path, metavar="MODEL.onnx")


def _check(options) -> None:
    from .canary import check_canaries
    from .contract import check

    metadata = check(options.model)
    worst = check_canaries(options.model, metadata)
    print(f"{options.model}: fits the contract; canaries within {worst:.1e}")
