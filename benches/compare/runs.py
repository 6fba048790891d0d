"""Contenders that are `hvmap` itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness import HVMAP, QUICK, WORK, Contender, Figures, program, share, whole
from inputs import mbtiles, package, tile_list

THRESHOLD = 0.999999
"""No tile of random weights gets there: a country's tiles are candidates one in a hundred, not all."""


def run(
    name: str, model: object, tiles: int, *flags: object, imagery: object | None = None
) -> Contender:
    """A whole `hvmap run` over the first tiles of the block, to its map."""
    tiles = share(tiles)
    out = WORK / "runs" / name.replace(" ", "-")

    return program(
        name,
        HVMAP, "run", "--tiles", tile_list(tiles), "--zoom", 18,
        "--imagery", imagery or mbtiles(), "--model", model, "--threshold", THRESHOLD,
        *flags, "--out", out, "--json",
        before=lambda: shutil.rmtree(out, ignore_errors=True),
        read=lambda text: figures(text, tiles),
    )  # fmt: skip


def figures(text: str, tiles: int) -> Figures:
    """Of a run's report; a run that left a tile unscored did less work than it should have."""
    report = whole(text)
    assert report["scored"] == tiles, f"{report['scored']} tiles were scored of {tiles}"
    return {"tiles_per_s": report["tiles_per_s"], "elapsed_s": report["elapsed_s"]}


def bare(name: str, model: Path, seconds: int, batch: int) -> Contender:
    """The same sessions as `hvmap run` has, fed from memory with decoded tiles."""
    return program(
        name,
        HVMAP, "model", "bench", model, "--device", "cpu", "--workers", cores(), "--threads", 1,
        "--batch", batch, "--seconds", 1 if QUICK else seconds, "--json",
        read=lambda text: {"tiles_per_s": whole(text)["best"]["tiles_per_s"]},
    )  # fmt: skip


def cores() -> int:
    import os

    return len(os.sched_getaffinity(0))


def xception(precision: str, tiles: int) -> Contender:
    return run(f"hvmap run {precision}", package(precision), tiles, "--device", "cpu")


def xception_by_openvino(precision: str, tiles: int) -> Contender:
    """bf16 is the fp32 package, computed with half the bits."""
    device, of = ("openvino:bf16", "fp32") if precision == "bf16" else ("openvino", precision)
    return run(f"hvmap run {precision} by OpenVINO", package(of), tiles, "--device", device)
