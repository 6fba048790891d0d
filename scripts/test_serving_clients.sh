#!/bin/sh
# Asks a server with the PyPI clients of TF Serving and Triton, as they are. They bring TensorFlow,
# which is large, so this stays outside `make test`.
set -eu

cd "$(dirname "$0")/.."
hvmap=${HVMAP:-target/release/hvmap}
python=${CLIENTS_PYTHON:-.venv-clients/bin/python}
out=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server"
    rm -rf "$out"
}
trap finish EXIT

mkdir -p "$out/models/demo/1"
cp data/models/demo.onnx "$out/models/demo/1/model.onnx"
"$hvmap" synth tiles --seed 1 --positives 50 --negatives 50 -o "$out/tiles" --quiet
"$hvmap" serve --model_name demo --model_base_path "$out/models/demo" --port 0 --rest_api_port 0 \
    2>"$out/said" &
server=$!
while ! grep -q '^listening' "$out/said"; do
    kill -0 "$server" 2>/dev/null || { cat "$out/said" >&2; exit 1; }
    sleep 0.1
done
rest=$(sed -n 's|^listening at http://\([^/]*\)/.*|\1|p' "$out/said")
grpc=$(sed -n 's|^listening at .* grpc://\(.*\)|\1|p' "$out/said")
"$python" tests/clients/serving_clients.py "$rest" "$grpc" demo "$out"/tiles/tower/* "$out"/tiles/negative/*
