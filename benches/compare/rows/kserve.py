"""`hvmap serve` against KServe's Python server around the Keras model, both asked by the client of
2018."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from harness import CONTENDERS, ROOT, WORK, Comparison, Contender, Row, program, quiet_environment, share
from inputs import files, keras_model, packages, served

TILES = {"int8": 960, "fp32": 320, "keras": 240}
KSERVE = "KServe with Keras"


def contenders():
    files(1)
    return [hvmap("int8"), hvmap("fp32"), peer()]


def client(name: str, address: str, tiles: int) -> Contender:
    script = CONTENDERS / "client_2018.py"
    url = f"http://{address}/v1/models/xception:predict"
    return program(name, sys.executable, script, url, share(tiles))


def hvmap(precision: str) -> Contender:
    models = packages() / ("xception" if precision == "fp32" else f"xception-{precision}")
    name = f"hvmap serve {precision}"
    flags = ("--model_name", "xception", "--model_base_path", models)

    def measure():
        with served(*flags) as address:
            return client(name, address["rest"], TILES[precision]).measure()

    shown = client(name, "127.0.0.1:8501", TILES[precision]).command
    return Contender(name, measure, f"hvmap serve --model_name xception --model_base_path {models.relative_to(ROOT)} & {shown}")


def peer() -> Contender:
    model, tiles = keras_model(), TILES["keras"]

    def measure():
        with kserve(model) as address:
            return client(KSERVE, address, tiles).measure()

    shown = client(KSERVE, "127.0.0.1:8080", tiles).command
    return Contender(KSERVE, measure, f"python benches/compare/contenders/kserve_server.py {model.relative_to(ROOT)} 8080 & {shown}")


@contextlib.contextmanager
def kserve(model):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    log = WORK / "kserve.log"
    words = [sys.executable, str(CONTENDERS / "kserve_server.py"), str(model), str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=out, env=quiet_environment())
        try:
            address = f"127.0.0.1:{port}"
            while not ready(f"http://{address}/v1/models/xception"):
                if server.poll() is not None:
                    raise SystemExit(log.read_text(errors="replace"))
                time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait()


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


ROW = Row(
    name="kserve",
    title="Serving, against KServe in Python",
    contenders=contenders,
    comparisons=[
        Comparison("hvmap serve int8", KSERVE, wanted="≥ 3.5"),
        Comparison("hvmap serve fp32", KSERVE, wanted="≥ 1.2"),
    ],
    note="The client of 2018: Python's `requests`, bodies of `{\"instances\": [{\"image_bytes\": "
    "{\"b64\": …}}]}` with 16 tiles, four requests at a time. Client and server share the cores. "
    "KServe's server is one worker that decodes with Pillow and calls `predict_on_batch`, which "
    "costs less for a batch than `predict`. The memory is the client's.",
    turns=4,
    packages=("kserve", "keras", "tensorflow", "requests"),
)
