"""The tiles of a country: `hvmap tiles` against supermercado and @mapbox/tile-cover."""

import gzip
import json
import sys

from harness import CONTENDERS, HVMAP, QUICK, ROOT, WORK, Comparison, Row, program
from inputs import call, made

ZOOM = 12 if QUICK else 18
TILE_COVER = "3.0.2"


def contenders():
    area = pakistan()
    node = WORK / "node"
    made(node, lambda path: call("npm", "install", "--silent", "--prefix", path, f"@mapbox/tile-cover@{TILE_COVER}"))
    return [
        program(
            "hvmap tiles", HVMAP, "tiles", "--area", area, "--zoom", ZOOM, "--count",
            read=lambda text: {"tiles": int(text)},
        ),
        program(
            "hvmap tiles, written out", "sh", "-c", f'"$0" tiles --area "$1" --zoom {ZOOM} > /dev/null', HVMAP, area,
            read=lambda _: {},
            shown=f"hvmap tiles --area pakistan.geojson --zoom {ZOOM} > /dev/null",
        ),
        program("supermercado", sys.executable, CONTENDERS / "supermercado_cover.py", area, ZOOM),
        program(
            "tile-cover", "node", "--max-old-space-size=16384", CONTENDERS / "tile_cover.cjs", node, area, ZOOM,
        ),
    ]  # fmt: skip


def pakistan():
    """The outline that is built into hvmap, as GeoJSON: a feature a polygon, as supermercado asks."""

    def write(path):
        boundaries = ROOT / "data" / "boundaries"
        index = json.loads((boundaries / "countries.json").read_text())["features"]
        entry = next(feature for feature in index if feature["name"] == "Pakistan")
        packed = (boundaries / "countries.topojsonl.gz").read_bytes()
        topology = json.loads(gzip.decompress(packed[entry["offset"] :][: entry["length"]]))
        features = [
            {
                "type": "Feature",
                "properties": {},
                "geometry": {"type": "Polygon", "coordinates": [ring(topology, arcs) for arcs in polygon]},
            }
            for polygon in topology["objects"]["country"]["arcs"]
        ]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    return made(WORK / "pakistan.geojson", write)


def ring(topology: dict, arcs: list[int]) -> list[list[float]]:
    """Every ring of these files is one arc; https://github.com/topojson/topojson-specification."""
    (number,) = arcs
    scale, translate = topology["transform"]["scale"], topology["transform"]["translate"]
    x = y = 0
    points = []
    for dx, dy in topology["arcs"][number]:
        x, y = x + dx, y + dy
        points.append([x * scale[0] + translate[0], y * scale[1] + translate[1]])
    return points


ROW = Row(
    name="cover",
    title="The tiles of Pakistan at zoom 18",
    contenders=contenders,
    comparisons=[
        Comparison("supermercado", "hvmap tiles", wanted="> 1", figure="elapsed_s"),
        Comparison("tile-cover", "hvmap tiles", wanted="> 1", figure="elapsed_s"),
        Comparison("hvmap tiles", "supermercado", wanted="< 0.033", figure="peak_mb"),
        Comparison("hvmap tiles", "tile-cover", wanted="< 0.033", figure="peak_mb"),
    ],
    turns=3,
    packages=("supermercado", "mercantile", "numpy"),
    figures={"elapsed_s": "seconds", "peak_mb": "peak MB", "tiles": "tiles"},
)
