"""One tile at a time: latency and bytes, protocol by protocol."""

from __future__ import annotations

import dataclasses
import json
import sys

from harness import CONTENDERS, QUICK, RELEASE, ROOT, Contender, Row, program, run
from inputs import files, package

PROTOCOLS = {
    "embedded": "the model inside",
    "rest": "REST, base64 in JSON",
    "grpc": "gRPC",
    "v2": "KServe v2, binary",
    "v2-grpc": "KServe v2 gRPC",
}
NUMBERS = "JSON, numbers"


def contenders() -> list[Contender]:
    tiles = files(64)
    seconds = 1 if QUICK else 4
    out, _, _ = run([sys.executable, str(CONTENDERS / "payload.py")])
    sizes = json.loads(out.strip().splitlines()[-1])
    example = RELEASE / "examples" / "serving_speed"
    # Beside the program, but not beside its examples.
    library = {"ORT_DYLIB_PATH": str(next(RELEASE.glob("libonnxruntime.so*")))}

    def latency(key: str, name: str) -> Contender:
        asked = program(
            name, example, package("int8"), "--only", key, "--seconds", seconds, *tiles,
            environment=library,
            shown=f"cargo run --release --example serving_speed -- {package('int8').relative_to(ROOT)} "
            f"--only {key} --seconds {seconds} TILES",
        )  # fmt: skip

        def measure():
            figures = asked.measure()
            wanted = {figure: figures[figure] for figure in ("p50_ms", "p99_ms")}
            return wanted | ({"bytes_per_tile": sizes[key]} if key in sizes else {})

        return dataclasses.replace(asked, measure=measure)

    numbers = Contender(NUMBERS, lambda: {"bytes_per_tile": sizes["numbers"]}, "python benches/compare/contenders/payload.py")
    return [*(latency(key, name) for key, name in PROTOCOLS.items()), numbers]


ROW = Row(
    name="latency",
    title="Serving, one tile at a time",
    contenders=contenders,
    note="The int8 package in `hvmap serve`'s own server and hvmap's client in one process, one "
    "request after another over loopback: decoding, the network and the client's work are in it, "
    "and no other request. Bytes are those of a request of 64 tiles, over 64. A server takes as "
    "many tiles a second by one protocol as by another; over a network take gRPC or KServe v2, "
    "which send the JPEG as it is; base64 is a third more, and the network's numbers in JSON a hundred and fifty times as much.",
    turns=3,
    packages=("tensorflow-serving-api", "kserve"),
    figures={"p50_ms": "p50 ms", "p99_ms": "p99 ms", "bytes_per_tile": "bytes a tile"},
)
