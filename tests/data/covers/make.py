#!/usr/bin/env python3
"""Makes covers.json and countries.json: polygons, and the tiles that other tools say touch them.

    pip install supermercado==0.3.0 mercantile==1.2.1
    python3 make.py

supermercado covers the polygons of general position. It also lists tiles that are only touched
along a border, which hvmap does not; so the squares made of whole tiles are expected to be covered
by just those tiles, with the corners that mercantile gives.

countries.json holds, for some of the boundaries that hvmap ships, the number of tiles and the
SHA-256 of their lines "x y z", row by row.
"""

import gzip
import hashlib
import json
import math
from pathlib import Path

import mercantile
from supermercado import burntiles, super_utils


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [[list(p) for p in ring] for ring in rings]}


def circle(lon, lat, radius, corners, wobble=0.0):
    ring = []
    for i in range(corners):
        angle = 2 * math.pi * i / corners
        r = radius * (1 + wobble * math.sin(5 * angle))
        ring.append((round(lon + r * math.cos(angle), 6), round(lat + r * math.sin(angle), 6)))
    return ring + ring[:1]


def burn(geometry, zoom):
    feature = {"type": "Feature", "properties": {}, "geometry": geometry}
    tiles = burntiles.burn(list(super_utils.filter_features([feature])), zoom)
    return sorted({(int(y), int(x)) for x, y, _ in tiles})


def square(*tiles):
    boxes = [mercantile.bounds(tile) for tile in tiles]
    west, east = min(b.west for b in boxes), max(b.east for b in boxes)
    south, north = min(b.south for b in boxes), max(b.north for b in boxes)
    return polygon([(west, south), (east, south), (east, north), (west, north), (west, south)])


CASES = [
    ("triangle", 12, polygon([(12.1, 43.7), (12.9, 43.75), (12.4, 44.2), (12.1, 43.7)])),
    ("hole", 11, polygon(circle(28.2, -29.6, 0.9, 40), circle(28.25, -29.55, 0.55, 31))),
    ("two holes", 13, polygon(
        circle(-70.1, 5.2, 0.2, 50),
        circle(-70.18, 5.21, 0.07, 9),
        circle(-70.02, 5.19, 0.06, 8),
    )),
    ("island in a lake", 12, {
        "type": "MultiPolygon",
        "coordinates": [
            polygon(circle(33.3, -1.1, 0.5, 36), circle(33.3, -1.1, 0.4, 36))["coordinates"],
            polygon(circle(33.31, -1.12, 0.1, 12))["coordinates"],
        ],
    }),
    ("islands", 10, {
        "type": "MultiPolygon",
        "coordinates": [
            polygon(circle(178.1 + 0.37 * i, -17.3 - 0.21 * (i % 3), 0.05 + 0.03 * i, 7))["coordinates"]
            for i in range(5)
        ],
    }),
    ("sliver", 14, polygon([(67.001, 24.803), (67.903, 25.211), (67.904, 25.2111), (67.001, 24.803)])),
    ("steep sliver", 14, polygon([(67.101, 24.3), (67.1013, 24.9), (67.1012, 24.9), (67.101, 24.3)])),
    ("speck", 15, polygon(circle(-0.12345, 51.54321, 0.0004, 5))),
    ("star", 12, polygon(circle(100.3, 13.7, 0.4, 90, wobble=0.6))),
    ("far north", 8, polygon(circle(20.3, 78.7, 3.1, 25))),
    ("across the equator and Greenwich", 7, polygon(circle(0.7, -0.4, 5.3, 33, wobble=0.2))),
    ("coarse", 3, polygon(circle(40.1, 30.2, 25.3, 17))),
]
SQUARES = [
    ("one tile", [mercantile.Tile(140143, 95379, 18)]),
    ("four tiles", [mercantile.Tile(5, 6, 4), mercantile.Tile(6, 7, 4)]),
    ("a row of tiles", [mercantile.Tile(700, 400, 10), mercantile.Tile(713, 400, 10)]),
    ("the deepest tile", [mercantile.Tile(12345678, 7654321, 24)]),
]

BOUNDARIES = Path(__file__).parents[3] / "data" / "boundaries"
# Small and large ones, with islands, bays and an enclave, from near the equator to the Arctic.
COUNTRIES = [
    ("San Marino", 18),
    ("Lesotho", 16),
    ("Sri Lanka", 14),
    ("Pakistan", 13),
    ("Italy", 13),
    ("Iceland", 11),
]


def boundary(name):
    """The polygons of a country as hvmap ships them, in degrees with six decimals."""
    features = json.loads((BOUNDARIES / "countries.json").read_text())["features"]
    feature = next(feature for feature in features if feature["name"] == name)
    # Each country is a gzip member of its own.
    members = (BOUNDARIES / "countries.topojsonl.gz").read_bytes()
    member = members[feature["offset"] : feature["offset"] + feature["length"]]
    topology = json.loads(gzip.decompress(member))
    scale, translate = topology["transform"]["scale"], topology["transform"]["translate"]

    def ring(arcs):
        (arc,), at, points = arcs, [0, 0], []
        for step in topology["arcs"][arc]:
            at = [at[0] + step[0], at[1] + step[1]]
            points.append([round(at[axis] * scale[axis] + translate[axis], 6) for axis in (0, 1)])
        return points

    polygons = topology["objects"]["country"]["arcs"]
    return {"type": "MultiPolygon", "coordinates": [[ring(arcs) for arcs in rings] for rings in polygons]}


def digest(name, zoom):
    tiles = burn(boundary(name), zoom)
    text = "\n".join(f"{x} {y} {zoom}" for y, x in tiles)
    return {"country": name, "zoom": zoom, "tiles": len(tiles), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def main():
    countries = ",\n".join(json.dumps(digest(*country)) for country in COUNTRIES)
    Path(__file__).with_name("countries.json").write_text(f"[\n{countries}\n]\n")
    cases = [
        {"name": name, "zoom": zoom, "geometry": geometry, "tiles": burn(geometry, zoom)}
        for name, zoom, geometry in CASES
    ]
    for name, corners in SQUARES:
        xs = range(corners[0].x, corners[-1].x + 1)
        ys = range(corners[0].y, corners[-1].y + 1)
        cases.append({
            "name": name,
            "zoom": corners[0].z,
            "geometry": square(*corners),
            "tiles": [(y, x) for y in ys for x in xs],
        })
    lines = ",\n".join(
        json.dumps({**case, "tiles": [[x, y] for y, x in case["tiles"]]}, separators=(",", ":"))
        for case in cases
    )
    Path(__file__).with_name("covers.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
