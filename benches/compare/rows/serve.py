"""`hvmap run` over `hvmap serve` on the same machine, protocol by protocol, against the run that has
the model inside."""

from __future__ import annotations


from harness import Comparison, Contender, Row
from inputs import package, packages, served
from runs import run

TILES = 1000
EMBEDDED = "hvmap run int8"
PROTOCOLS = {
    "REST": "http://{rest}/v1/models/xception",
    "gRPC": "grpc://{grpc}/xception",
    "KServe v2": "http://{rest}/v2/models/xception",
    "KServe v2 gRPC": "grpc+v2://{grpc}/xception",
}


def contenders() -> list[Contender]:
    inside = run(EMBEDDED, package("int8"), TILES, "--device", "cpu")
    return [inside, *(over(name, url) for name, url in PROTOCOLS.items())]


def over(name: str, url: str) -> Contender:
    """A server is started for each turn; its start is not counted."""
    models = packages() / "xception-int8"

    def measure():
        with served("--model_name", "xception", "--model_base_path", models) as address:
            return run(f"over {name}", url.format(**address), TILES).measure()

    usual = run(f"over {name}", url.format(rest="127.0.0.1:8501", grpc="127.0.0.1:8500"), TILES)
    return Contender(
        f"over {name}",
        measure,
        f"hvmap serve --model_name xception --model_base_path target/bench/models/xception-int8 & {usual.command}",
    )


ROW = Row(
    name="serve",
    title="Serving, against the model inside",
    contenders=contenders,
    comparisons=[
        Comparison("over REST", EMBEDDED, wanted="≥ 0.90"),
        Comparison("over gRPC", EMBEDDED, wanted="≥ 0.95"),
        Comparison("over KServe v2", EMBEDDED),
        Comparison("over KServe v2 gRPC", EMBEDDED),
    ],
    note="Server and client share the machine's cores. The memory is the client's.",
)
