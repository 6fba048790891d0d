"""Takes turns between contenders and keeps what each of them did.

A contender is anything that does the same work as another one. They go A B A B, so that what else
the machine does weighs on all alike, and a comparison is the ratio of two of them in the same turn.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "bench"
"""Inputs and what programs write; nothing in it is kept but to save time."""
CONTENDERS = Path(__file__).parent / "contenders"
HVMAP = os.environ.get("HVMAP", str(ROOT / "target" / "release" / "hvmap"))
RELEASE = Path(HVMAP).parent
"""Where its examples and ONNX Runtime lie as well."""

QUICK = bool(os.environ.get("HVMAP_BENCH_QUICK"))
"""Whether only to see that everything runs: each contender has little to do, and nothing is kept."""

Figures = dict[str, float]
"""What one turn of a contender gave, by name with its unit last: `tiles_per_s`, `peak_mb`."""


@dataclass(frozen=True)
class Contender:
    name: str
    measure: Callable[[], Figures]
    command: str
    """What a person types to do the same, without what only serves the measuring."""


@dataclass(frozen=True)
class Comparison:
    """How many times as much of a figure the first contender has as the second."""

    first: str
    second: str
    wanted: str | None = None
    """Such as `≥ 3.8` or `< 0.033`; without it the ratio is only reported."""
    figure: str = "tiles_per_s"


@dataclass(frozen=True)
class Row:
    name: str
    """By which it is asked for: `make bench ROW=name`."""
    title: str
    contenders: Callable[[], list[Contender]]
    """Prepares the inputs too."""
    comparisons: list[Comparison] = field(default_factory=list)
    note: str = ""
    """How to read it; plain Markdown."""
    turns: int = 5
    packages: tuple[str, ...] = ()
    """Python packages whose versions matter."""
    figures: dict[str, str] = field(default_factory=lambda: {"tiles_per_s": "tiles/s"})
    """The figures to show and their headings."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot be measured on this machine."""


def share(count: int) -> int:
    """As many tiles, or a twentieth where only to see that everything runs; in whole batches."""
    return max(count // 20 // 16, 1) * 16 if QUICK else count


OTHERS_MAX = 0.2
"""Cores that programs other than a contender may take while it is measured."""
OTHERS = "other_programs_cores"


PATIENCE_S = 90
"""How long a turn waits for other programs to come to rest before it begins all the same."""


def take_turns(row: Row, turns: int, only: str = "") -> Iterator[dict]:
    """Each contender's figures, turn by turn: `{contender: figures}`; of those alone whose names hold
    `only`.

    A turn that other programs disturbed is done again, at most as often as there are turns to take;
    what is then still disturbed is kept, and the document says so.
    """
    contenders = [one for one in row.contenders() if only in one.name]
    if not contenders:
        raise Failed(f"{row.name}: no contender's name holds {only!r}")
    done, again = 0, 0 if QUICK else turns
    while done < turns:
        figures = {}
        if not QUICK:
            wait_for_rest()
        for contender in contenders:
            figures[contender.name] = watched(contender)
            told = ", ".join(f"{value:.4g} {name}" for name, value in figures[contender.name].items())
            print(f"  turn {done + 1}/{turns}  {contender.name}: {told}", file=sys.stderr, flush=True)
        if again > 0 and max(one[OTHERS] for one in figures.values()) > OTHERS_MAX:
            print("  other programs disturbed this turn: once more", file=sys.stderr, flush=True)
            again -= 1
            continue
        done += 1
        yield figures


def wait_for_rest() -> None:
    """Waits until other programs have taken next to nothing for two seconds."""
    end = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < end:
        busy = busy_s()
        time.sleep(2)
        if (busy_s() - busy) / 2 < OTHERS_MAX / 2:
            return


def watched(contender: Contender) -> Figures:
    """The figures, and how many cores others took meanwhile."""
    start, busy, own = time.perf_counter(), busy_s(), own_s()
    figures = contender.measure()
    others_s = (busy_s() - busy) - (own_s() - own)
    return figures | {OTHERS: max(0.0, others_s / (time.perf_counter() - start))}


def busy_s() -> float:
    """Seconds that all cores together were at work since the machine started (Linux)."""
    user, nice, system = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def own_s() -> float:
    """Of these, those of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def commands(row: Row) -> dict[str, str]:
    return {contender.name: contender.command for contender in row.contenders()}


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, smallest and largest."""
    return statistics.median(values), min(values), max(values)


class Failed(Exception):
    """A program that ended otherwise than it should have."""


def program(
    name: str,
    *argv: object,
    read: Callable[[str], Figures] | None = None,
    before: Callable[[], None] = lambda: None,
    around: Callable[[], AbstractContextManager] = nullcontext,
    environment: dict[str, str] | None = None,
    shown: str | None = None,
) -> Contender:
    """A contender that is a program of its own. Its last line on standard output is a JSON object of
    figures, unless `read` makes them of all that it printed."""
    words = [str(word) for word in argv]

    def measure() -> Figures:
        before()
        with around():
            out, peak_mb, elapsed_s = run(words, environment)
        figures = (read or last_line)(out)
        return {"peak_mb": peak_mb, "elapsed_s": elapsed_s} | figures

    return Contender(name, measure, shown or spoken(words))


def run(argv: list[str], environment: dict[str, str] | None = None) -> tuple[str, float, float]:
    """Standard output, peak resident memory in MB, and seconds from start to end of a program."""
    error = WORK / "stderr"
    WORK.mkdir(parents=True, exist_ok=True)
    with error.open("wb") as stderr:
        start = time.perf_counter()
        child = subprocess.Popen(
            argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, env=quiet_environment() | (environment or {})
        )
        out = child.stdout.read().decode()
        # The child's own peak, which `getrusage` would mix with that of its elder siblings.
        _, status, usage = os.wait4(child.pid, 0)
        elapsed_s = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        tail = error.read_text(errors="replace")[-2000:]
        raise Failed(f"{spoken(argv)}\nended with {child.returncode}:\n{tail}")
    return out, usage.ru_maxrss * 1024 / 1e6, elapsed_s


def quiet_environment() -> dict[str, str]:
    """No settings of the person who measures: neither defaults nor what `hvmap model bench` kept."""
    settings = WORK / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "XDG_CONFIG_HOME": str(settings),
        "XDG_CACHE_HOME": str(settings),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    }


def last_line(out: str) -> Figures:
    return json.loads(out.strip().splitlines()[-1])


def whole(out: str) -> dict:
    return json.loads(out)


def spoken(words: list[str]) -> str:
    """A command with paths as seen from the repository's root."""
    return shlex.join(
        word.replace(f"{ROOT}/", "").replace(sys.executable, "python") for word in words
    )
