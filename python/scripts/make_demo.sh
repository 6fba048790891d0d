#!/bin/sh
# Makes a model like data/models/demo.onnx from nothing: two trainings of about 25 minutes each.
#
#   cargo build --release && python/scripts/make_demo.sh work
#
# Needs `pip install './python[keras]'`. Seeds 100 to 199 are for training, 200 to 299 for choosing
# the threshold, 9000 and above for evaluation alone; the held-out style is never drawn here.
set -eu
work=${1:?usage: make_demo.sh DIR}
hvmap=${HVMAP:-target/release/hvmap}
scripts=$(dirname "$0")
mkdir -p "$work"

# `draw NAME SEED POSITIVES NEGATIVES HARD-NEGATIVES`: labelled tiles in a new folder.
draw() {
    [ -d "$work/$1" ] || "$hvmap" synth tiles --seed "$2" --positives "$3" --negatives "$4" \
        --hard-negatives "$5" -o "$work/$1"
}

# `package NAME THRESHOLD`: proven and canaried on tiles that no training saw.
package() {
    hvmap-model package "$work/$1.keras" -o "$work/packaged" --name "$1" --tiles "$work/s200" \
        --tiles-count 600 --threshold "$2" --training synthetic --licence 'MIT OR Apache-2.0'
}

set --
for seed in 100 101 102 103 104 105; do
    draw "s$seed" "$seed" 2000 1500 1500
    set -- "$@" "$work/s$seed"
done
draw s200 200 600 600 600

hvmap-model train "$@" -o "$work/first.keras" --crop-px 128 --crop-steps 8000 --tile-steps 1500 \
    --validation-share 0.03
package first 0.9

# What the first model finds hard in worlds that it never saw; then on from where it stopped. These
# tiles are few, so each is given twice.
for seed in 120 121 122; do
    python "$scripts/mine_demo.py" "$work/packaged/first/1/model.onnx" --seed "$seed" \
        --positives 3000 --negatives 15000 --hard-negatives 6000 --hvmap "$hvmap" -o "$work/m$seed"
    set -- "$@" "$work/m$seed" "$work/m$seed"
done
hvmap-model train "$@" -o "$work/demo.keras" --init "$work/first.keras" --learning-rate 1e-3 \
    --crop-px 128 --crop-steps 2000 --tile-steps 3000 --validation-share 0.02

# The threshold that lets one natural negative in 10,000 through, on a world kept for this choice.
package demo 0.5
python "$scripts/evaluate_demo.py" "$work/packaged/demo/1/model.onnx" --seeds 201 \
    --positives 1200 --negatives 40000 --hvmap "$hvmap" -o "$work/threshold"
threshold=$(python -c "import json, sys; print(round(json.load(open(sys.argv[1]))['threshold_at_0.0001'], 2))" \
    "$work/threshold/summary.json")
package demo "$threshold"
cp "$work/packaged/demo/1/model.onnx" data/models/demo.onnx
