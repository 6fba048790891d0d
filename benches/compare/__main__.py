"""Measures hvmap side by side with what a user would pick instead, and writes docs/BENCHMARKS.md.

    make bench                     every row
    make bench ROW=cover           one row; the others stay as they were last measured
    make bench ROW='keras bare' TURNS=3
    make bench ROW=cover MORE=1     turns beside those that are kept
    make bench QUICK=1              every row once with a twentieth of the work: do they run?

Each row's figures are kept in benches/results, a file each, turn by turn, and the document is put
together from all of them, so that a long bench can be done in pieces.
"""

from __future__ import annotations

import argparse
import json
import sys

from document import DOCUMENT, RESULTS, read, write_document
from harness import QUICK, Failed, Row, commands, take_turns
from machine import machine, today, versions
from rows import rows


def main() -> int:
    known = rows()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(known)} [all]")
    parser.add_argument("--turns", type=int, help="in place of the row's own number of turns")
    parser.add_argument("--more", action="store_true", help="keep the turns that were measured alike before")
    parser.add_argument("--only", default="", metavar="TEXT", help="of a row the contenders whose names hold this; with --more a turn can be taken in parts")
    parser.add_argument("--check", action="store_true", help="only say which rows this machine cannot measure")
    parser.add_argument("--prepare", action="store_true", help="make the inputs and measure nothing")
    parser.add_argument("--write", action="store_true", help="write the document and measure nothing")
    options = parser.parse_args()
    if unknown := [name for name in options.rows if name not in known]:
        parser.error(f"there is no row {unknown[0]}; there are {', '.join(known)}")
    if options.turns is not None and options.turns < 1:
        parser.error("--turns takes 1 or more")
    try:
        for row in [known[name] for name in options.rows] or known.values():
            if not options.write and (reason := row.missing()):
                print(f"{row.name}: not measured: {reason}", file=sys.stderr)
                if options.rows:
                    return 2
            elif options.prepare:
                row.contenders()
            elif not options.write and not options.check:
                measure(row, options.turns or (1 if QUICK else row.turns), options.more, options.only)
    except Failed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    if not (options.prepare or options.check or QUICK):
        write_document(known)
        print(f"wrote {DOCUMENT}", file=sys.stderr)
    return 0


def measure(row: Row, turns: int, more: bool, only: str) -> None:
    """Keeps each turn as soon as it is done, so that an interruption costs one."""
    print(f"{row.name}: {row.title}", file=sys.stderr, flush=True)
    told = commands(row)
    # Before anything of the row itself weighs on the machine.
    result = {"date": today(), "machine": machine(), "versions": versions(row.packages), "commands": told}
    result["turns"] = earlier_turns(row, result) if more else []
    for turn in take_turns(row, turns, only):
        join(result["turns"], turn)
        if not QUICK:
            RESULTS.mkdir(parents=True, exist_ok=True)
            text = json.dumps(result, indent=1, ensure_ascii=False)
            (RESULTS / f"{row.name}.json").write_text(text + "\n")


def join(turns: list[dict], turn: dict) -> None:
    """Puts a turn behind those taken, or the rest of one into the first that lacks it."""
    for earlier in turns:
        if not earlier.keys() & turn.keys():
            earlier.update(turn)
            return
    turns.append(turn)


def earlier_turns(row: Row, result: dict) -> list[dict]:
    """The turns kept of a row, if they were measured alike; the higher load stands for both."""
    earlier = read(row.name)
    if earlier is None:
        return []
    loads = [one["machine"].pop("load_before") for one in (earlier, result)]
    for key in ("machine", "versions", "commands"):
        if earlier[key] != result[key]:
            raise Failed(
                f"{row.name}: its kept turns are of {earlier[key]}, these would be of {result[key]}; "
                "measure it anew without MORE"
            )
    result["machine"]["load_before"] = max(loads)
    return earlier["turns"]


if __name__ == "__main__":
    sys.exit(main())
