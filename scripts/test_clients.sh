#!/bin/sh
# Opens a bundle in the programs it is made for: QGIS 3.22, JOSM, GDAL. Needs Debian 12 and, for
# what is missing, root or sudo. Pictures to look at are left in the folder it names at the end.
set -eu

cd "$(dirname "$0")/.."
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
missing=
for package in qgis python3-qgis josm gdal-bin; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    $sudo apt-get install -y -qq --no-install-recommends $missing
fi

hvmap=${HVMAP:-target/release/hvmap}
out=$(mktemp -d)
"$hvmap" run --country san-marino --zoom 18 --demo --keep-images --out "$out/run" --quiet
"$hvmap" export "$out/run" --bundle --allow-synthetic -o "$out/bundle" --quiet

echo "== GDAL"
for file in hints.geojson lines.geojson hints.gpkg towers.mbtiles hints.csv; do
    said=$(ogrinfo -ro -so -al "$out/bundle/$file" 2>&1)
    if echo "$said" | grep -E 'ERROR|Warning'; then exit 1; fi
    echo "$file: $(echo "$said" | grep -c 'Feature Count') layers"
done

echo "== JOSM"
josm validate -i styles/hints.mapcss 2>&1 | grep 'had no errors'
(cd "$out" && josm validate -i bundle/hints.osm -o validated.geojson) >"$out/josm.log" 2>&1
if grep -q ERROR "$out/josm.log"; then cat "$out/josm.log"; exit 1; fi
josm render -i "$out/bundle/hints.osm" -s "$out/bundle/hints.mapcss" \
    -b 12.455,43.935,12.475,43.955 -z 17 -o "$out/josm.png" >>"$out/josm.log" 2>&1
test -s "$out/josm.png"

echo "== QGIS"
QT_QPA_PLATFORM=offscreen /usr/bin/python3 tests/clients/qgis_render.py "$out/bundle" "$out/qgis.png"

echo "look at $out/josm.png, $out/qgis.png and $out/bundle/report.html"
