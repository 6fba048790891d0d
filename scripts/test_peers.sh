#!/bin/sh
# Runs over servers that are not ours, each a real one from PyPI: KServe's in Python and NVIDIA's
# Triton. Every tile has to get the score that it gets inside hvmap, bit for bit.
#
# The packages are large; they are kept in .venv-peers. Nothing is skipped: what cannot be installed
# or started is a failure.
set -eu

cd "$(dirname "$0")/.."
hvmap=${HVMAP:-target/release/hvmap}
python=${PEERS_PYTHON:-.venv-peers/bin/python}
if [ ! -x "$python" ]; then
    echo "setting up .venv-peers" >&2
    # Triton brings an interpreter of its own that runs with this one's standard library: with that of
    # 3.11.7 it fails, with Debian's 3.11.2 it works.
    base=/usr/bin/python3
    [ -x "$base" ] || base=python3
    "$base" -m venv .venv-peers
    "$python" -m pip install --quiet --disable-pip-version-check --requirement tests/peers/requirements.txt
fi

out=$(mktemp -d)
servers=
stop() {
    for server in $servers; do kill "$server" 2>/dev/null || true; done
    wait
}
trap stop EXIT

# serve NAME READY_URL COMMAND…: starts a server and waits until it is ready.
serve() {
    name=$1
    ready=$2
    shift 2
    "$@" >"$out/$name.log" 2>&1 &
    server=$!
    servers="$servers $server"
    tries=0
    until "$python" -c "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=2)" "$ready" 2>/dev/null; do
        tries=$((tries + 1))
        if ! kill -0 "$server" 2>/dev/null || [ "$tries" -gt 120 ]; then
            echo "$name does not start:" >&2
            tail -n 40 "$out/$name.log" >&2
            exit 1
        fi
        sleep 1
    done
}

run() {
    folder=$1
    shift
    XDG_CONFIG_HOME="$out" "$hvmap" run --bbox=12.40,43.90,12.42,43.91 --zoom 18 \
        --imagery synthetic:1 --threshold 0.99 --out "$out/$folder" "$@" >"$out/$folder.log" 2>&1 || {
        cat "$out/$folder.log" >&2
        return 1
    }
}

# check NAME URL FLAG…
check() {
    name=$1
    url=$2
    shift 2
    echo "== $url"
    run "$name" --model "$url" --positive 1,2 --model-activation none --model-combine sum "$@"
    "$python" tests/peers/same_scores.py "$out/inside" "$out/$name"
}

run inside --model tests/fixtures/models/contract.onnx

serve kserve http://127.0.0.1:18080/v2/models/towers/ready \
    "$python" tests/peers/kserve_server.py 18080 18081
check kserve-v1 http://127.0.0.1:18080/v1/models/towers --input-key image_bytes
check kserve-v2-grpc grpc+v2://127.0.0.1:18081/towers
check kserve-v2-pixels http://127.0.0.1:18080/v2/models/towers_of_pixels
check kserve-v2-pixels-grpc grpc+v2://127.0.0.1:18081/towers_of_pixels
# It reads binary BYTES as text over HTTP, and says so; when it no longer does, check that too.
url=http://127.0.0.1:18080/v2/models/towers
echo "== $url, which cannot take encoded images"
if run kserve-v2 --model "$url" --positive 1,2 --model-activation none --model-combine sum \
    2>/dev/null || ! grep -q 'Failed to encode' "$out/kserve-v2.log"; then
    echo "expected KServe's refusal, got:" >&2
    cat "$out/kserve-v2.log" >&2
    exit 1
fi

serve triton http://127.0.0.1:18000/v2/models/towers_of_pixels/ready \
    "$python" tests/peers/triton_server.py 18000 18001
check triton http://127.0.0.1:18000/v2/models/towers
check triton-grpc grpc+v2://127.0.0.1:18001/towers
check triton-pixels http://127.0.0.1:18000/v2/models/towers_of_pixels
check triton-pixels-grpc grpc+v2://127.0.0.1:18001/towers_of_pixels

echo "== all of them at once"
run together --positive 1,2 --model-activation none --model-combine sum \
    --model grpc+v2://127.0.0.1:18081/towers \
    --model http://127.0.0.1:18000/v2/models/towers \
    --model grpc+v2://127.0.0.1:18001/towers_of_pixels
"$python" tests/peers/same_scores.py "$out/inside" "$out/together"
rm -r "$out"
