#!/usr/bin/env python3
"""Builds countries.json and countries.topojsonl.gz from two npm packages. See ../README.md.

    npm pack world-atlas@2.0.2 i18n-iso-countries@7.14.0
    python3 build.py world-atlas-2.0.2.tgz i18n-iso-countries-7.14.0.tgz

The same input gives the same bytes. Python 3.9 or newer, standard library only.
"""

import argparse
import gzip
import hashlib
import json
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

SOURCE = "Natural Earth 1:10m Admin 0 - Countries 4.1.0, by way of world-atlas 2.0.2"
DATE = "2018-05"
COARSENESS = "drawn at 1:10m, quantised to about 400 x 190 m at the equator"

WORLD_SHA256 = "3bc6f1d367a9bcec479841bae0e76092f512838411d0cef124e92eec4db45f79"
# Languages of which the names are known beside English, in order of preference.
LANGUAGES = ["fr", "es", "pt", "de"]


def member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        return tar.extractfile(f"package/{name}").read()


def polygons_of(geometry: dict) -> list:
    """Polygons as lists of rings, rings as lists of arc numbers."""
    if geometry["type"] == "Polygon":
        return [geometry["arcs"]]
    if geometry["type"] == "MultiPolygon":
        return geometry["arcs"]
    return []


class World:
    """The arcs of the world, undone from their delta coding but not from their quantisation."""

    def __init__(self, topology: dict):
        self.transform = topology["transform"]
        self.arcs = []
        for arc in topology["arcs"]:
            x = y = 0
            points = []
            for dx, dy in arc:
                x += dx
                y += dy
                points.append((x, y))
            self.arcs.append(points)

    def ring(self, arc_numbers: list) -> list:
        ring = []
        for number in arc_numbers:
            arc = self.arcs[number] if number >= 0 else self.arcs[~number][::-1]
            ring += arc[1:] if ring else arc
        return ring

    def degrees(self, point: tuple) -> tuple:
        scale, translate = self.transform["scale"], self.transform["translate"]
        return tuple(point[i] * scale[i] + translate[i] for i in (0, 1))


def has_area(ring: list) -> bool:
    """Quantisation has squeezed some islets into lines and points."""
    doubled = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:]))
    return len(ring) >= 4 and doubled != 0


def rings_of(world: World, geometry: dict) -> list:
    polygons = []
    for arc_numbers in polygons_of(geometry):
        rings = [world.ring(numbers) for numbers in arc_numbers]
        if rings and has_area(rings[0]):
            polygons.append(rings[:1] + [hole for hole in rings[1:] if has_area(hole)])
    return polygons


def in_box(point: tuple, box: list) -> bool:
    west, south, east, north = box
    return west <= point[0] <= east and south <= point[1] <= north


def split(world: World, polygons: list, rule: dict) -> list:
    """The named parts of a country and, first, what is left of it: (name, rule, polygons)."""
    left, parts = list(polygons), []
    for part in rule["parts"]:
        def belongs(polygon):
            points = [world.degrees(point) for point in polygon[0]]
            boxes = [part[key] for key in ("box", "box2") if key in part]
            inside = all(any(in_box(point, box) for box in boxes) for point in points)
            spared = "beyond" in part and all(in_box(point, part["beyond"]) for point in points)
            return inside and not spared
        mine = [polygon for polygon in left if belongs(polygon)]
        left = [polygon for polygon in left if polygon not in mine]
        assert mine or part.get("code") == "074", f"no polygon in the box of {part['name']}"
        if mine:
            parts.append((part["name"], part, mine))
    if "rest" in rule:
        parts.insert(0, (rule["rest"]["name"], rule["rest"], left))
    else:
        assert not left, "polygons left over"
    return parts


def topology_of(world: World, name: str, polygons: list) -> dict:
    """A TopoJSON object of one country: every ring is an arc of its own."""
    arcs, shapes = [], []
    for rings in polygons:
        numbers = []
        for ring in rings:
            x = y = 0
            deltas = []
            for point in ring:
                deltas.append([point[0] - x, point[1] - y])
                x, y = point
            numbers.append([len(arcs)])
            arcs.append(deltas)
        shapes.append(numbers)
    geometry = {"type": "MultiPolygon", "arcs": shapes, "properties": {"name": name}}
    return {
        "type": "Topology",
        "objects": {"country": geometry},
        "arcs": arcs,
        "transform": world.transform,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("world_atlas", type=Path, help="world-atlas-2.0.2.tgz")
    parser.add_argument("iso_countries", type=Path, help="i18n-iso-countries-7.14.0.tgz")
    args = parser.parse_args()

    raw = member(args.world_atlas, "countries-10m.json")
    digest = hashlib.sha256(raw).hexdigest()
    assert digest == WORLD_SHA256, f"unexpected countries-10m.json: SHA-256 {digest}"
    topology = json.loads(raw)
    world = World(topology)
    codes = {row[2]: row[:3] for row in json.loads(member(args.iso_countries, "codes.json"))}
    names = {}
    for language in ["en", *LANGUAGES]:
        table = json.loads(member(args.iso_countries, f"langs/{language}.json"))["countries"]
        for alpha2, name in table.items():
            names.setdefault(alpha2, []).extend([name] if isinstance(name, str) else name)
    amend = json.loads((HERE / "amendments.json").read_text())
    ambiguous = set(amend["ambiguous"])

    features, places = [], []

    def add_feature(name: str, polygons: list) -> int:
        line = json.dumps(topology_of(world, name, polygons), separators=(",", ":"), ensure_ascii=False)
        features.append((name, gzip.compress(line.encode() + b"\n", 9, mtime=0)))
        return len(features) - 1

    def add_place(name: str, number: str | None, own: list, aliases: list, code=None) -> None:
        alpha2, alpha3, numeric = code or (codes[number] if number else (None, None, None))
        known = [*aliases, *amend["aliases"].get(name, []), *names.get(alpha2, [])]
        known = [a for a in dict.fromkeys(known) if a != name and a not in ambiguous]
        place = {"name": name, "alpha2": alpha2, "alpha3": alpha3, "numeric": numeric}
        place = {key: value for key, value in place.items() if value}
        if known:
            place["aliases"] = known
        if name in amend["notes"]:
            place["note"] = amend["notes"][name]
        place["features"] = own
        places.append(place)

    geometries = topology["objects"]["countries"]["geometries"]
    merged = {}
    for geometry in geometries:
        into = amend["merge"].get(geometry["properties"]["name"])
        if into:
            merged.setdefault(into, []).extend(rings_of(world, geometry))
    for geometry in geometries:
        given = geometry["properties"]["name"]
        if given in amend["merge"]:
            continue
        name = amend["names"].get(given, given)
        polygons = rings_of(world, geometry) + merged.get(given, [])
        given_alias = [given] if given != name and "." not in given else []
        rule = amend["parts"].get(given)
        number = geometry.get("id")
        code = amend["codes"].get(given)
        if rule is None:
            own = [add_feature(name, polygons)] if polygons else []
            add_place(name, number, own, given_alias, code)
            continue
        own = []
        for part, about, mine in split(world, polygons, rule):
            own.append(add_feature(part, mine))
            add_place(part, about.get("code"), own[-1:], about.get("aliases", []))
        if "rest" in rule:
            add_place(name, number, own, given_alias, code)

    offset, listed = 0, []
    for name, data in features:
        listed.append({"name": name, "offset": offset, "length": len(data)})
        offset += len(data)
    (HERE / "countries.topojsonl.gz").write_bytes(b"".join(data for _, data in features))

    by_alpha3 = {place["alpha3"]: index for index, place in enumerate(places) if "alpha3" in place}
    head = {"source": SOURCE, "date": DATE, "coarseness": COARSENESS}
    unclear = [
        {"name": name, "places": [by_alpha3[code] for code in codes_]}
        for name, codes_ in amend["ambiguous"].items()
    ]
    lines = [json.dumps(line, ensure_ascii=False) for line in listed]
    text = json.dumps(head, indent=1)[:-2] + ',\n "features": [\n  ' + ",\n  ".join(lines)
    lines = [json.dumps(line, ensure_ascii=False) for line in places]
    text += '\n ],\n "places": [\n  ' + ",\n  ".join(lines)
    lines = [json.dumps(line, ensure_ascii=False) for line in unclear]
    text += '\n ],\n "ambiguous": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    json.loads(text)
    (HERE / "countries.json").write_text(text)
    print(f"{len(places)} places, {len(features)} features, {offset} bytes")


if __name__ == "__main__":
    main()
