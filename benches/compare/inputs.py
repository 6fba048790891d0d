"""What the rows are fed with, made once and kept in target/bench.

4,000 JPEG tiles of the synthetic world, a tenth of them with towers, are drawn all over the planet
and laid side by side into one 64×64 block, as an MBTiles file and as a folder; and a full Xception
with the head of 2018 and random weights, which make no difference to its speed, as Keras's own file
and as packages in fp32 and int8.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import HVMAP, ROOT, WORK, quiet_environment

TILES = 4000
TOWERS = 400
ZOOM = 18
CORNER = (140_096, 95_360)
"""Column and row of the block's first tile: multiples of 64."""
SIDE = 64


def tell(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


def made(path: Path, how) -> Path:
    """What `how` writes to the path it is given; half a file is never taken for a whole one."""
    if not path.exists():
        tell(f"  preparing {path.relative_to(ROOT)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"unfinished-{path.name}")
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        unfinished.unlink(missing_ok=True)
        how(unfinished)
        unfinished.rename(path)
    return path


def call(*argv: object) -> None:
    words = [str(word) for word in argv]
    done = subprocess.run(words, cwd=ROOT, env=quiet_environment(), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")


def labelled() -> Path:
    """The tiles as `hvmap synth tiles` writes them: tower/ and negative/, at their own places."""
    return made(
        WORK / "labelled",
        lambda folder: call(
            HVMAP, "synth", "tiles", "--seed", 7, "--positives", TOWERS,
            "--negatives", TILES - TOWERS, "-o", folder,
        ),
    )  # fmt: skip


@functools.cache
def placed() -> list[tuple[int, int, Path]]:
    """Column, row and file of every tile in the block; towers stand among the others."""
    files = sorted(labelled().glob("*/*.jpg"), key=lambda file: file.name)
    assert len(files) == TILES, f"{len(files)} tiles were drawn, expected {TILES}"
    return [(CORNER[0] + i % SIDE, CORNER[1] + i // SIDE, file) for i, file in enumerate(files)]


def folder() -> Path:
    """The tiles as z/x/y.jpg."""

    def write(path: Path) -> None:
        for x, y, file in placed():
            place = path / str(ZOOM) / str(x) / f"{y}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)

    return made(WORK / "tiles", write)


def mbtiles() -> Path:
    def write(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path)) as file, file:
            file.executescript(
                "CREATE TABLE metadata (name TEXT, value TEXT);"
                "INSERT INTO metadata VALUES ('name', 'SYNTHETIC'), ('format', 'jpg');"
                "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER,"
                " tile_data BLOB);"
                "CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);"
            )
            for x, y, tile in placed():
                south = 2**ZOOM - 1 - y
                file.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (ZOOM, x, south, tile.read_bytes()))

    return made(WORK / "tiles.mbtiles", write)


def tile_list(count: int) -> Path:
    """The first tiles of the block, as `hvmap run --tiles` reads them."""

    def write(path: Path) -> None:
        path.write_text("".join(f"[{x}, {y}, {ZOOM}]\n" for x, y, _ in placed()[:count]))

    return made(WORK / f"first-{count}.txt", write)


def drawn(side: int) -> tuple[Path, Path]:
    """A block of side × side tiles that differ, for what a few thousand would not keep busy: its list, and
    its imagery as MBTiles."""
    x, y = CORNER

    def write(path: Path) -> None:
        path.write_text(
            "".join(f"[{x + i}, {y + j}, {ZOOM}]\n" for j in range(side) for i in range(side))
        )

    tiles = made(WORK / f"block-{side}.txt", write)
    imagery = made(
        WORK / f"block-{side}.mbtiles",
        lambda path: call(
            HVMAP, "synth", "imagery", "--seed", 7, "--zoom", ZOOM, "--tiles", tiles, "-o", path
        ),
    )
    return tiles, imagery


def files(count: int) -> list[Path]:
    """The same tiles as files, in the same order."""
    root = folder()
    return [root / str(ZOOM) / str(x) / f"{y}.jpg" for x, y, _ in placed()[:count]]


def keras_model() -> Path:
    return made_model("xception", "xception.keras")


def made_model(name: str, file: str) -> Path:
    """By a program of its own: what it loads would else count as the contenders' peak memory, since a
    process begins with that of the one that starts it."""
    script = Path(__file__).parent / "models.py"
    return made(WORK / file, lambda path: call(sys.executable, script, name, path))


def packages(
    folder: str = "models",
    precisions: str = "fp32,int8",
    tiles: str = "--calibrate",
    source: Callable[[], Path] = keras_model,
) -> Path:
    """A folder of models as servers have them: xception/1 in fp32, and xception-int8/1 and so on.

    `tiles` is the flag that hands the labelled tiles over: int8 is calibrated with them.
    """
    return made(
        WORK / folder,
        lambda path: call(
            sys.executable, "-m", "hvmap_model", "package", source(), "-o", path,
            "--name", "xception", "--precision", precisions, tiles, labelled(),
            # At threshold 0 every tile is found by both, so random scores do not fail the proof.
            "--threshold", 0, "--tiles-count", 64, "--classes", "negative,tower",
            "--positive", "tower", "--preprocess", "xception",
        ),
    )  # fmt: skip


def package(precision: str) -> Path:
    name = "xception" if precision == "fp32" else f"xception-{precision}"
    return packages() / name / "1" / "model.onnx"


@contextlib.contextmanager
def served(*flags: object) -> Iterator[dict[str, str]]:
    """`hvmap serve` with these flags, ready; gives the addresses of `rest` and `grpc`."""
    log = WORK / "serve.log"
    words = [HVMAP, "serve", *map(str, flags), "--port", "0", "--rest_api_port", "0"]
    with log.open("wb") as stderr:
        server = subprocess.Popen(words, cwd=ROOT, stderr=stderr, env=quiet_environment())
        try:
            while not (line := listening(log)):
                if server.poll() is not None:
                    raise SystemExit(f"{' '.join(words)}\n{log.read_text()}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(0.05)
            yield line
        finally:
            server.terminate()
            server.wait()


def listening(log: Path) -> dict[str, str] | None:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("listening at http://"):
            rest, _, grpc = line.removeprefix("listening at http://").partition(" ")
            return {"rest": rest.split("/")[0], "grpc": grpc.rpartition("grpc://")[2].strip()}
    return None


def inspected(model: Path) -> dict:
    done = subprocess.run(
        [HVMAP, "model", "inspect", model, "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)
