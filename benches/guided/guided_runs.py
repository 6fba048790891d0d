"""A drawn place, runs of hvmap over it, and what their ledgers hold."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import HVMAP, ROOT, quiet_environment, spoken

WORK = ROOT / "target" / "guided"
MODEL = "demo"
ZOOM = 18
PART = 3
"""A part of a full scan takes one in so many of the area's columns and rows."""

Tile = tuple[int, int]
"""Column and row."""


class Failed(SystemExit):
    pass


def hvmap(*argv: object) -> str:
    words = [HVMAP, *map(str, argv)]
    print(f"  {spoken(words)}", file=sys.stderr, flush=True)
    done = subprocess.run(words, cwd=ROOT, env=quiet_environment(), capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{spoken(words)}\nended with {done.returncode}:\n{done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Place:
    """A part of the world of a seed."""

    bbox: str
    seed: int

    @property
    def folder(self) -> Path:
        return WORK / f"{self.seed}-{self.bbox.replace(',', '_')}"

    @property
    def truth(self) -> Path:
        return self.folder / "truth.geojson"

    @property
    def imagery(self) -> Path:
        return self.folder / "imagery.mbtiles"

    def prepare(self) -> None:
        """Draws what is not there yet. hvmap writes the imagery whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        area = ("--bbox", self.bbox, "--zoom", ZOOM, "--seed", self.seed)
        hvmap("synth", "truth", *area, "--force", "-o", self.truth)
        if not self.tower_tiles():
            raise Failed(f"no tower stands in {self.bbox} of the world of seed {self.seed}; take another place")
        if not self.imagery.exists():
            hvmap("synth", "imagery", *area, "-o", self.imagery)

    def part(self) -> str:
        """The south-western part of the box."""
        west, south, east, north = map(float, self.bbox.split(","))
        return f"{west},{south},{west + (east - west) / PART},{south + (north - south) / PART}"

    def tower_tiles(self) -> set[Tile]:
        """The tiles in which a tower's base stands."""
        features = json.loads(self.truth.read_text())["features"]
        towers = (one["properties"] for one in features if one["properties"]["power"] == "tower")
        return {tile_of(tower["tile"]) for tower in towers}

    def facts(self) -> dict:
        return {
            "name": f"synthetic:{self.seed}, bbox {self.bbox}",
            "imagery_mb": round(self.imagery.stat().st_size / 1e6),
        }


def tile_of(text: str) -> Tile:
    """Of `z/x/y`."""
    _, x, y = map(int, text.split("/"))
    return x, y


@dataclass(frozen=True)
class Run:
    name: str
    out: Path
    command: str
    report: dict


def scan(
    place: Place, name: str, *flags: object, imagery: str | None = None, part: bool = False
) -> Run:
    """A new run over the place, to its map."""
    out = place.folder / name
    shutil.rmtree(out, ignore_errors=True)
    bbox = place.part() if part else place.bbox
    words = (
        "run", "--bbox", bbox, "--zoom", ZOOM, "--imagery", imagery or place.imagery,
        # Of imagery from a server nothing says that it is drawn.
        "--model", MODEL, "--allow-synthetic-model", *flags, "--out", out, "--json",
    )  # fmt: skip
    report = json.loads(hvmap(*words))
    missing = report["no_imagery"] + report["undecodable"] + report["fetch_failed"] + report["predict_failed"]
    if missing:
        raise Failed(f"{name}: {missing} tiles were not classified, see {out}")
    return Run(name, out, spoken([HVMAP, *map(str, words)]), report)


@contextlib.contextmanager
def ledger(run: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{run / 'run.hvmap'}?mode=ro", uri=True)) as file:
        yield file


def hits(run: Path) -> set[Tile]:
    """The tiles that a run takes for ones with a tower."""
    with ledger(run) as file:
        (manifest,) = file.execute("SELECT manifest FROM manifest").fetchone()
        threshold = json.loads(manifest)["threshold"]
        return set(file.execute("SELECT x, y FROM candidate WHERE score >= ?", (threshold,)))


def towers_reported(run: Path, truth: Path) -> dict:
    """How many towers a run reported on its map, once or more often, and how far off."""
    return json.loads(hvmap("eval", run, "--truth", truth, "--json"))["reported"][0]


def audited(place: Place, guided: Run, seen: dict) -> dict:
    """What a person would see who looked at the tiles of the audit, and what the truth says. `seen` is
    what the picture's program counted."""
    audit = json.loads((guided.out / "audit.geojson").read_text())
    drawn = {tile_of(one["properties"]["tile"]) for one in audit["features"]}
    towers = place.tower_tiles()
    share = upper_bound(len(drawn & towers), len(drawn))
    return {
        "tiles": len(drawn),
        "with_a_tower": len(drawn & towers),
        "population": audit["population"],
        "bound": math.ceil(share * audit["population"]),
        "in_truth": len(towers) - seen["tower_tiles_visited"],
    }


def upper_bound(count: int, of: int) -> float:
    """The largest share of which a sample shows so few with a chance of 5 % (Clopper and Pearson 1934,
    doi:10.1093/biomet/26.4.404, one side): about 3 / `of` where it shows none."""
    low, high = 0.0, 1.0
    for _ in range(60):
        share = 0.5 * (low + high)
        terms = (math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count + 1))
        low, high = (share, high) if sum(terms) > 0.05 else (low, share)
    return high


def draw(run: Path, truth: Path, picture: Path) -> dict:
    """A picture of what a run looked at, and how many of the tower tiles are among it."""
    program = Path(HVMAP).parent / "examples" / "scan_map"
    words = [program, run, picture, "--truth", truth]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


@contextlib.contextmanager
def unpacked(place: Place) -> Iterator[Path]:
    """The imagery as z/x/y.jpg, for a server; removed again, since it is as large as the file."""
    root = place.folder / "tiles"
    shutil.rmtree(root, ignore_errors=True)
    try:
        with contextlib.closing(sqlite3.connect(f"file:{place.imagery}?mode=ro", uri=True)) as file:
            rows = file.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles")
            for zoom, x, row, payload in rows:
                path = root / str(zoom) / str(x) / f"{2**zoom - 1 - row}.jpg"
                made(path.parent)
                path.write_bytes(payload)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@functools.cache
def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
