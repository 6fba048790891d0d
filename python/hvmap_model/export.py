"""Packaging: a model in, `DIR/NAME/VERSION/model.onnx` in hvmap's contract out, with its proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from . import __version__, contract, proof, quantise, report
from .assemble import (
    FEATURES,
    Assembled,
    NoActivation,
    add_attribution,
    assemble,
    with_features,
)
from .attribution import Head, UnfitHead, explain
from .fit import check_fit, fitted
from .grid import measure_cells, measure_with_towers
from .preprocess import CHOICES, Preprocess, grey
from .openvino import by_openvino
from .session import any_session, open_session, run
from .sources import Source, Wanted, open_source
from .tile_sets import TileSet, generated_set, read_tile_set
from .unusable import Unusable
from .work import gflop_per_tile

PRECISIONS = ("fp32", "fp16", "int8")
CALIBRATION_COUNT = 128
"""Tiles on which the ranges of values are measured; none of them takes part in the proof."""
SENSITIVITY_COUNT = 24
FLOAT_LAYERS_MAX = 12
"""Convolutions that may stay in float at the most before int8 is given up."""

# Between CPU types fp32 scores differ by some 1e-6 (M); a wrong preprocessing shows at 1e-2.
_CANARY_TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2, "int8": 2e-2}
_CANARY_TOLERANCE_MAX = 0.2


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    name: str
    version: int = 1
    precisions: tuple[str, ...] = ("fp32",)
    classes: list[str] = field(default_factory=list)
    positives: list[str] = field(default_factory=list)
    preprocess: Preprocess | None = None
    fit: str | None = None
    activation: str | None = None
    threshold: float = 0.5
    training: str = "unknown"
    licence: str = ""
    tiles: Path | None = None
    """Tiles for the proof and the canaries; without them those of `calibrate`, or generated."""
    calibrate: Path | None = None
    tiles_count: int = 400
    wanted: Wanted = Wanted()


@dataclass
class _Job:
    """One packaging on its way: what all precisions share."""

    path: Path
    options: Options
    source: Source
    plain: Assembled
    assembled: Assembled
    head: Head | None
    why_no_attribution: str
    classes: list[str]
    positives: list[int]
    activation: str
    tiles: TileSet
    calibrating: TileSet | None
    expected: np.ndarray
    """The source's probabilities on the tiles, `[n, classes]`."""
    cells: tuple[list[float], list[float]]
    calibrated: dict = field(default_factory=dict)


def package(path: Path, out: Path, options: Options) -> list[Path]:
    """Packages a model in each precision asked for, the first as NAME, others as NAME-PRECISION.

    Raises `Unusable` where the model or a flag cannot be used, and `proof.NoParity`, having
    written nothing, where a proof fails.
    """
    if "int8" in options.precisions and options.calibrate is None:
        raise Unusable(
            "int8 needs tiles to measure the ranges of values on",
            "add --calibrate FOLDER or FILE.mbtiles, with towers and other tiles in it",
        )
    job = _prepare(path, options)
    made = [(name, *_make(job, name)) for name in options.precisions]
    written = []
    for index, (precision, model, metadata, told) in enumerate(made):
        name = options.name if index == 0 else f"{options.name}-{precision}"
        file = out / name / str(options.version) / "model.onnx"
        file.parent.mkdir(parents=True, exist_ok=True)
        contract.write(model, metadata)
        model.producer_name, model.producer_version = "hvmap-model", __version__
        onnx.save(model, file)
        contract.check(file)
        (file.parent / "report.html").write_text(report.page(name, told))
        written.append(file)
    return written


def _prepare(path: Path, options: Options) -> _Job:
    source = open_source(path, options.wanted)
    preprocess = _preprocess(path, source, options.preprocess)
    fit = None if source.decodes else check_fit(options.fit, source.height, source.width)
    try:
        plain = assemble(source, preprocess, fit, options.activation)
    except NoActivation as reason:
        flags = "--activation softmax or sigmoid if it answers logits, none if probabilities"
        todo = "leave --activation out" if "already" in str(reason) else f"add {flags}"
        raise Unusable(f"{path}: {reason}", todo) from reason
    classes, positives = _classes(path, source, plain.classes, options)
    tiles, calibrating = _tiles(options)
    expected = _expected(source, preprocess, fit, tiles.images, options.activation)
    activation = plain.activation or _kind_of_probabilities(path, expected)
    if activation == "softmax" and len(positives) == len(classes):
        raise Unusable(f"all {len(classes)} classes are positive", "name fewer with --positive")
    assembled, head, why, cells = plain, None, "", ([], [])
    try:
        if not positives:
            raise UnfitHead("no class is positive, so there is no margin to share out")
        assembled, head = add_attribution(plain, positives)
    except UnfitHead as reason:
        why = str(reason)
        print(f"without attribution: {why}")
    else:
        cells = _cells(assembled, head, tiles)
    return _Job(
        path, options, source, plain, assembled, head, why, classes, positives, activation, tiles,
        calibrating, expected, cells,
    )


def _preprocess(path: Path, source: Source, told: Preprocess | None) -> Preprocess:
    said = source.preprocess
    if said is not None:
        if told is not None and told != said:
            raise Unusable(
                f"{path} says itself how its pixels are scaled ({said.name} in front of it)",
                f"leave --preprocess {told.name} out",
            )
        return said
    if told is None:
        raise Unusable(
            f"{path} does not say how its pixels are scaled", f"add --preprocess {CHOICES}"
        )
    told.check_channels(source.channels)
    return told


def _classes(path: Path, source: Source, count: int, options: Options):
    """Names of all columns, and the columns of the positives, rising."""
    names = options.classes or source.classes or [f"class_{index}" for index in range(count)]
    if len(names) != count:
        raise Unusable(
            f"{path} answers {count} scores, but {len(names)} classes are named ({', '.join(names)})",
            f"--classes with {count} name{'s' if count > 1 else ''}",
        )
    if len(set(names)) != len(names):
        raise Unusable(f"two classes have one name ({', '.join(names)})", "name each differently")
    wanted = options.positives or (source.positives if not options.classes else [])
    if not wanted and set(source.positives) <= set(names):
        wanted = source.positives
    for name in wanted:
        if name not in names:
            raise Unusable(f"{name} is no class", f"--positive with some of {', '.join(names)}")
    return names, sorted({names.index(name) for name in wanted})


def _tiles(options: Options) -> tuple[TileSet, TileSet | None]:
    """The tiles of the proof, and for int8 those of the calibration, which are others."""
    place = options.tiles or options.calibrate
    if place is None:
        return generated_set(), None
    calibrates = "int8" in options.precisions
    calibrating = None
    if calibrates and options.calibrate != place:
        tiles = read_tile_set(place, options.tiles_count)
        calibrating = read_tile_set(options.calibrate, CALIBRATION_COUNT)
        tiles = tiles.without(calibrating)
    elif calibrates:
        every = read_tile_set(place, options.tiles_count + CALIBRATION_COUNT)
        calibrating, tiles = every.apart(min(CALIBRATION_COUNT, len(every.images) // 3))
    else:
        tiles = read_tile_set(place, options.tiles_count)
    least = contract.CANARY_COUNT
    if len(tiles.images) < least:
        left = " besides those of the calibration" if calibrates else ""
        raise Unusable(
            f"{place} holds {len(tiles.images)} tiles{left}, expected at least {least}",
            "name more tiles",
        )
    return tiles, calibrating


def _expected(source: Source, preprocess, fit, images: np.ndarray, activation) -> np.ndarray:
    """The source's probabilities, prepared by NumPy and answered by the source's own engine."""
    parts = []
    for start in range(0, len(images), 64):
        some = images[start : start + 64]
        if not source.decodes:
            some = grey(some) if source.channels == 1 else some
            some = preprocess.apply(fitted(some, fit, source.height, source.width))
        parts.append(source.answer(some))
    answers = np.concatenate(parts)
    if activation == "sigmoid":
        return 1 / (1 + np.exp(-np.clip(answers, -80, 80)))
    if activation == "softmax":
        powers = np.exp(answers - answers.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    return answers


def _kind_of_probabilities(path: Path, answers: np.ndarray) -> str:
    """What `--activation none` means: do the classes exclude each other?"""
    if answers.min() < -1e-3 or answers.max() > 1 + 1e-3:
        raise Unusable(
            f"{path} answers {answers.min():.3g} to {answers.max():.3g}, which are no probabilities",
            "give --activation softmax or sigmoid",
        )
    sums = answers.sum(axis=1)
    return "softmax" if answers.shape[1] > 1 and np.abs(sums - 1).max() < 1e-3 else "sigmoid"


def _cells(assembled: Assembled, head: Head, tiles: TileSet):
    """The pixel of each column and row of the grid, measured with towers where that is possible."""
    if tiles.tiles:
        _, grids = run(open_session(assembled.model.SerializeToString(), threads=2), tiles.images)
        if measured := measure_with_towers(grids, tiles.tiles):
            return measured
    session = any_session(with_features(assembled.model, head.features).SerializeToString())

    def look(images: np.ndarray) -> np.ndarray:
        maps = session.run([FEATURES], {contract.IMAGE: images})[0]
        return maps.transpose(0, 3, 1, 2) if head.channels_last else maps

    return measure_cells(look)


def _make(job: _Job, precision: str):
    """The graph in one precision, its metadata, and what the report tells of it."""
    calibration: dict = {}
    if precision == "fp32":
        model = onnx.ModelProto.FromString(job.assembled.model.SerializeToString())
        proven, scores = _prove(job, model, precision)
        _prove_attribution(job, model, scores, proven)
    elif precision == "fp16":
        from .half import LARGEST, beyond_half, to_half

        if beyond := beyond_half(job.assembled.model, job.tiles.images):
            layers = ", ".join(f"{name} ({size:.3g})" for name, size in beyond[:5])
            raise proof.NoParity(
                f"fp16: some values are beyond ±{LARGEST:g}, which 16 bits cannot hold, the largest "
                f"in {layers}; take fp32 or int8"
            )
        model = to_half(job.assembled.model)
        proven, scores = _prove(job, model, precision)
    else:
        model, proven, scores, calibration = _int8(job)
    if proven.failures:
        where = f"; {calibration['worst']}" if calibration.get("worst") else ""
        raise proof.NoParity(f"{precision}: {'; '.join(proven.failures)}{where}")
    calibration.pop("worst", None)
    chosen = _spread(_shown_scores(job, scores))
    images = job.tiles.images[chosen]
    canary_scores, tolerance = _canaries(model, images, precision)
    metadata = contract.Metadata(
        classes=job.classes,
        positives=[job.classes[index] for index in job.positives],
        activation=job.activation,
        threshold=job.options.threshold,
        source_sha256=job.source.sha256,
        canary_images=images,
        canary_scores=_rows(canary_scores),
        canary_tolerance=tolerance,
        precision=precision,
        training=job.options.training,
        attribution_columns_px=job.cells[0],
        attribution_rows_px=job.cells[1],
        licence=job.options.licence,
        parity=proven.figures,
        calibration=calibration,
        canary_scores_openvino=_rows(by_openvino(model, images)) if precision == "int8" else [],
    )
    told = report.Told(
        source=f"{job.path.name}: {job.source.kind}",
        metadata=metadata,
        why_no_attribution=job.why_no_attribution,
        remarks=proven.remarks,
        expected=_shown_scores(job, job.expected),
        got=_shown_scores(job, scores),
        labels=job.tiles.labels,
        batch_rewritten=job.source.batch_rewritten,
        thresholds=proven.thresholds,
        gflop_per_tile=gflop_per_tile(job.assembled.model),
    )
    return model, metadata, told


def _shown_scores(job: _Job, scores: np.ndarray) -> np.ndarray:
    """One number a tile: its score or, without positives, that of the last class."""
    positives = job.positives or [len(job.classes) - 1]
    return proof.score_of(scores, positives, job.activation)


def _prove(job: _Job, model: onnx.ModelProto, precision: str):
    scores, _ = run(open_session(model.SerializeToString(), threads=2, exact_bytes=True), job.tiles.images)
    proven = proof.compare(
        job.expected, scores, job.positives, job.activation, job.options.threshold,
        job.tiles.labels, precision,
    )
    proven.figures = {
        "tiles": len(job.tiles.images),
        "tiles_from": job.tiles.about,
        "engine": _engine(job.source),
        **proven.figures,
    }
    if not job.tiles.real:
        proven.remarks.append("proven on generated images, since no tiles were given")
        if precision != "fp32":
            proven.failures = []
            proven.remarks.append("what the precision does to real tiles is not known")
    return proven, scores


def _engine(source: Source) -> str:
    return "ONNX Runtime, the file as it came" if source.kind.startswith("ONNX") else "TensorFlow"


def _prove_attribution(job: _Job, model, scores: np.ndarray, proven: proof.Proof) -> None:
    """Grid + rest = margin, and not a bit of the scores changed."""
    if job.head is None:
        return
    bare, _ = run(open_session(job.plain.model.SerializeToString(), threads=2), job.tiles.images)
    proven.figures["scores_bit_identical_without_attribution"] = bool((bare == scores).all())
    if not (bare == scores).all():
        proven.failures.append("adding the attribution output changed the scores")
    some = job.tiles.images[:64]
    session = any_session(with_features(model, job.head.features).SerializeToString())
    errors = []
    for start in range(0, len(some), 8):
        feed = {contract.IMAGE: some[start : start + 8]}
        grid, features = session.run([contract.ATTRIBUTION, FEATURES], feed)
        explained = explain(job.head, features, job.positives)
        unshared = np.float64(grid).sum(axis=(1, 2)) + explained.rest - explained.margin
        errors.append(np.abs(unshared) / np.maximum(np.abs(explained.margin), 1.0))
    worst = float(np.concatenate(errors).max())
    proven.figures["attribution_identity_error_max"] = float(f"{worst:.2e}")
    if not worst <= 1e-3:
        proven.failures.append(f"grid + rest misses the margin by {worst:.2e} of it")


def _int8(job: _Job):
    """Quantises; keeps in float what hurts, as far as the proof asks for it."""
    images = job.calibrating.images
    best = None
    for averaged in (False, True):
        calibrated = quantise.calibrate(job.assembled.model, images, averaged)
        model = quantise.quantise(calibrated)
        proven, scores = _prove(job, model, "int8")
        moved = _margin_moved(job, scores)
        if best is None or moved < best[0]:
            best = moved, calibrated, model, proven, scores, averaged
    _, calibrated, model, proven, scores, averaged = best
    kept: list[str] = []
    worst = ""
    if proven.failures:
        positives = job.positives or [len(job.classes) - 1]
        spread = np.linspace(0, len(images) - 1, min(SENSITIVITY_COUNT, len(images))).astype(int)

        def margin(some: np.ndarray) -> np.ndarray:
            return proof.margin_of(some, positives, job.activation)

        print("int8 misses the proof; looking for the layers that hurt")
        ranked = quantise.sensitivities(calibrated, images[spread], margin)
        names = quantise.readable(name for name, _ in ranked[:5])
        worst = "the layers that hurt most, by what each alone moves the log-odds: " + ", ".join(
            f"{name} ({by:.2g})" for name, (_, by) in zip(names, ranked)
        )
        for count in (1, 2, 4, 8, FLOAT_LAYERS_MAX):
            kept = [name for name, _ in ranked[:count]]
            model = quantise.quantise(calibrated, kept)
            proven, scores = _prove(job, model, "int8")
            if not proven.failures:
                break
    about = {
        "tiles": len(images),
        "from": job.calibrating.about,
        "ranges": "mean of each tile's smallest and largest" if averaged else "smallest and largest",
        "layers_in_float": quantise.readable(kept),
        "bytes_enter": calibrated.entry is not None,
        "worst": worst,
    }
    return model, proven, scores, about


def _margin_moved(job: _Job, scores: np.ndarray) -> float:
    """Root mean square of the change of the score's log-odds."""
    positives = job.positives or [len(job.classes) - 1]
    margins = [proof.margin_of(some, positives, job.activation) for some in (job.expected, scores)]
    return float(np.sqrt(np.mean((margins[0] - margins[1]) ** 2)))


def _canaries(model: onnx.ModelProto, images: np.ndarray, precision: str):
    """Their scores, and how far another machine's may lie from them.

    Another processor sums in another order, and an int8 model then rounds a few values to the
    next step. How much that moves the scores is measured, with a graph that is not optimised.
    """
    data = model.SerializeToString()
    scores, _ = run(open_session(data, exact_bytes=True), images)
    otherwise, _ = run(open_session(data, exact_bytes=True, optimised=False), images)
    seen = float(np.abs(scores - otherwise).max())
    tolerance = min(max(_CANARY_TOLERANCES[precision], 4 * seen), _CANARY_TOLERANCE_MAX)
    return scores, float(f"{tolerance:.2g}")


def _rows(scores: np.ndarray) -> list[list[float]]:
    return [[float(f"{score:.7g}") for score in row] for row in scores]


def _spread(scores: np.ndarray) -> list[int]:
    """Eight tiles over the range of scores: where all are 0 or 1, little would show."""
    chosen: list[int] = []
    for wanted in np.linspace(0.02, 0.98, contract.CANARY_COUNT):
        nearest = np.argsort(np.abs(scores - wanted), kind="stable")
        chosen.append(next(int(index) for index in nearest if index not in chosen))
    return chosen
