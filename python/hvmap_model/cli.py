"""`hvmap-model`: the command line."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from . import __version__
from .contract import BrokenContract
from .unusable import Unusable


def main(arguments: list[str] | None = None) -> int:
    """Runs a command. Returns 0, or 2 after one line that says what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError, BrokenContract) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"error: {error}: pip install './python[keras]' brings TensorFlow", file=sys.stderr)
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
        help="train an Xception on labelled tiles",
        description="Train a slim or full Xception on folders with tower/ and negative/, images "
        "named z-x-y.jpg, or on a table (CSV) with the columns file and label, such as a review's "
        "export. Example: hvmap-model train tiles -o tower.keras",
    )
    command.set_defaults(run=_train)
    command.add_argument("folders", nargs="+", type=Path, metavar="FOLDER|TABLE.csv")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.keras")
    command.add_argument("--init", type=Path, metavar="FILE",
                         help="start from the weights of this Keras file (.keras, .h5)")
    from .settings import CHOICES

    for name, default in _defaults().items():
        flag = "--" + name.replace("_", "-")
        choices = CHOICES.get(name)
        command.add_argument(flag, type=type(default), default=default, choices=choices,
                             help=f"[{default}]")


def _defaults() -> dict:
    """The training settings and their defaults, without loading TensorFlow."""
    from .settings import Settings

    return {entry.name: entry.default for entry in dataclasses.fields(Settings)}


def _train(options) -> None:
    from .settings import Settings
    from .train import train

    settings = Settings(**{name: getattr(options, name) for name in _defaults()})
    if options.output.suffix != ".keras":
        raise Unusable(f"-o {options.output} is no .keras file", f"{options.output.stem}.keras")
    for name in ("positive_share", "base_rate", "validation_share"):
        if not 0 < getattr(settings, name) < 1:
            raise Unusable(f"--{name.replace('_', '-')} is {getattr(settings, name)}", "above 0, below 1")
    stride = 32 if settings.network == "xception" else 16
    if settings.crop_px % stride or not 2 * stride <= settings.crop_px <= 256:
        raise Unusable(f"--crop-px {settings.crop_px}", f"a multiple of {stride} from {2 * stride} to 256")
    if settings.crop_steps + settings.tile_steps < 1 or settings.batch_size < 2:
        raise Unusable("there is nothing to train", "--tile-steps 1000, --batch-size 2 or more")
    train(options.folders, options.output, settings, options.init)


def _package_arguments(commands) -> None:
    command = commands.add_parser(
        "package",
        help="package a classifier as one ONNX file in hvmap's contract",
        description="Writes DIR/NAME/VERSION/model.onnx and a report beside it. Example: "
        "hvmap-model package tower.h5 -o models --name hv_grid --version 1 "
        "--classes negatives,towers --positive towers --preprocess xception "
        "--precision int8 --calibrate tiles",
    )
    command.set_defaults(run=_package)
    command.add_argument("model", type=Path, metavar="MODEL",
                         help="Keras (.h5, .keras, .json or .yaml), ONNX, or a SavedModel's folder")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    command.add_argument("--name", required=True)
    command.add_argument("--version", dest="number", type=int, default=1, metavar="N",
                         help="the model's version, a folder below its name [1]")
    command.add_argument("--weights", type=Path, metavar="FILE.h5",
                         help="the weights of an architecture")
    command.add_argument("--classes", metavar="NAME,NAME|FILE",
                         help="in the order of the outputs, or a file with a name a line "
                         "[class_0, class_1, …]")
    command.add_argument("--positive", metavar="NAME,NAME",
                         help="the classes that mean a tower; without it `hvmap run` asks")
    command.add_argument("--preprocess", metavar="HOW",
                         help="how bytes are scaled: xception, caffe, torch, unit, none or "
                         "SCALE,OFFSET; needed unless the model says it")
    command.add_argument("--mean", metavar="R,G,B",
                         help="instead of --preprocess: (x / 255 - mean) / deviation")
    command.add_argument("--deviation", metavar="R,G,B", help="goes with --mean")
    command.add_argument("--fit", choices=("resize", "crop", "pad"),
                         help="how a tile of 256 px becomes an image of the model's size")
    command.add_argument("--activation", choices=("softmax", "sigmoid", "none"),
                         help="what makes the outputs probabilities, where the graph does not tell")
    command.add_argument("--layout", choices=("nhwc", "nchw"),
                         help="where the shape does not tell")
    command.add_argument("--size", type=int, metavar="PX",
                         help="of the model's images, where the file leaves it open [256]")
    command.add_argument("--output-name", dest="output_name", metavar="NAME",
                         help="the output that holds the scores, where there are several")
    command.add_argument("--precision", default="fp32", metavar="P,P",
                         help="fp32, fp16, int8, or several: the first is written as NAME, "
                         "others as NAME-PRECISION [fp32]")
    command.add_argument("--calibrate", type=Path, metavar="FOLDER|FILE.mbtiles",
                         help="tiles for int8's ranges, with both classes among them")
    command.add_argument("--tiles", type=Path, metavar="FOLDER|FILE.mbtiles",
                         help="tiles for the proof and the canaries [those of --calibrate]")
    command.add_argument("--tiles-count", type=int, default=400, metavar="N",
                         help="how many of them, from each label the same [400]")
    command.add_argument("--threshold", type=float, default=0.5, help="recommended [0.5]")
    command.add_argument("--training", choices=("synthetic", "real", "unknown"), default="unknown",
                         help="what the model was trained on [unknown]")
    command.add_argument("--licence", default="")


def _package(options) -> None:
    from .export import PRECISIONS, Options, package
    from .sources import Wanted

    precisions = tuple(options.precision.split(","))
    for precision in precisions:
        if precision not in PRECISIONS:
            raise Unusable(f"there is no precision {precision}", f"give {', '.join(PRECISIONS)}")
    if len(set(precisions)) < len(precisions):
        raise Unusable(f"--precision {options.precision} names one twice", "name each once")
    if options.number < 1:
        raise Unusable(f"--version {options.number} is no version", "give 1 or more")
    if not 0 <= options.threshold <= 1:
        raise Unusable(f"--threshold {options.threshold:g} is no probability", "give 0 to 1")
    if not options.name or "/" in options.name or options.name.startswith("."):
        raise Unusable(f"--name {options.name!r} is no folder's name", "give a plain one")
    wanted = Wanted(
        weights=options.weights,
        output=options.output_name,
        layout=options.layout,
        size_px=options.size,
    )
    files = package(
        options.model,
        options.output,
        Options(
            name=options.name,
            version=options.number,
            precisions=precisions,
            classes=_names(options.classes),
            positives=options.positive.split(",") if options.positive else [],
            preprocess=_scaling(options),
            fit=options.fit,
            activation=options.activation,
            threshold=options.threshold,
            training=options.training,
            licence=options.licence,
            tiles=options.tiles,
            calibrate=options.calibrate,
            tiles_count=options.tiles_count,
            wanted=wanted,
        ),
    )
    import onnx

    from .contract import check
    from .work import gflop_per_tile

    for file in files:
        print(file)
        if (work := gflop_per_tile(onnx.load(file))) is not None:
            print(f"  work: {work:.3g} GFLOP a tile")
        for key, value in check(file).parity.items():
            print(f"  {key.replace('_', ' ')}: {value}")


def _names(text: str | None) -> list[str]:
    """Names with commas, or the lines of a labels file."""
    if not text:
        return []
    if Path(text).is_file():
        lines = [line.strip() for line in Path(text).read_text().splitlines()]
        return [line for line in lines if line]
    return [name.strip() for name in text.split(",")]


def _scaling(options):
    from .preprocess import normalised, parse

    if options.mean is None and options.deviation is None:
        return parse(options.preprocess) if options.preprocess else None
    if options.preprocess or not (options.mean and options.deviation):
        raise Unusable("--mean and --deviation go together and without --preprocess", "give both")
    try:
        mean, deviation = (
            [float(part) for part in text.split(",")] for text in (options.mean, options.deviation)
        )
    except ValueError:
        raise Unusable("--mean and --deviation take numbers", "such as 0.5,0.5,0.5") from None
    if len(mean) != 3 or len(deviation) != 3 or min(deviation) <= 0:
        raise Unusable("--mean and --deviation take three numbers each", "such as 0.5,0.5,0.5")
    return normalised(mean, deviation)


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

    import onnx

    from .work import gflop_per_tile

    metadata = check(options.model)
    worst = check_canaries(options.model, metadata)
    if (work := gflop_per_tile(onnx.load(options.model))) is not None:
        print(f"{options.model}: {work:.3g} GFLOP a tile")
    print(f"{options.model}: fits the contract; canaries within {worst:.1e}")
