"""`hvmap run` against the bare sessions, and both against what the cores' arithmetic allows."""

from harness import CONTENDERS, WORK, Comparison, Contender, Row, program
from inputs import call, inspected, made, package
from runs import bare, cores, xception

LIMIT = "arithmetic limit"


def contenders():
    return [
        xception("int8", 1200),
        bare("bare sessions", package("int8"), seconds=8, batch=2),
        *limit(),
    ]


def limit() -> list[Contender]:
    """Tiles a second if nothing were done but the model's multiplications."""
    if "avx512_vnni" not in open("/proc/cpuinfo").read():
        return []
    work_gop = inspected(package("int8"))["gflop_per_tile"]
    source = CONTENDERS / "int8_peak.c"
    peak = made(
        WORK / "int8_peak",
        lambda path: call("gcc", "-O2", "-pthread", source, "-o", path),
    )

    def read(out: str):
        operations = float(out)
        return {"tiles_per_s": operations / 1e9 / work_gop, "gop_per_s": operations / 1e9}

    command = f"gcc -O2 -pthread benches/compare/contenders/int8_peak.c; ./a.out {cores()}"
    return [program(LIMIT, peak, cores(), read=read, shown=command)]


ROW = Row(
    name="bare",
    title="The bare sessions, and the arithmetic limit",
    contenders=contenders,
    comparisons=[
        Comparison("hvmap run int8", "bare sessions", wanted="≥ 0.95"),
        Comparison("hvmap run int8", LIMIT, wanted="≥ 0.55"),
        Comparison("bare sessions", LIMIT),
    ],
    note="The bare sessions are ONNX Runtime's as `run` opens them, one thread a core, fed from "
    "memory with decoded tiles. The limit is what the cores do at most of `VPDPBUSD`, the "
    "instruction that multiplies bytes (64 multiplications and additions each), measured with "
    "operands in registers on all cores at once, over the operations of one tile that `hvmap model "
    "inspect` counts: no memory, no quantising, no other layer.",
    figures={"tiles_per_s": "tiles/s", "gop_per_s": "10⁹ operations/s"},
)
