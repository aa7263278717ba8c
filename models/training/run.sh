#!/usr/bin/env bash
# Both models from nothing: run.sh DATA WORK
# DATA holds SET/SPLIT/LABEL/*.jpg; WORK takes weights. Logs and models are written in place.
set -euo pipefail
data=$1
work=$2
cd "$(dirname "$0")"
mkdir -p "$work" logs

# Large activations are freed and taken again at every step: keep their pages.
export MALLOC_MMAP_THRESHOLD_=17179869184 MALLOC_TRIM_THRESHOLD_=17179869184
export MALLOC_TOP_PAD_=268435456

train() { # train NAME ARGUMENTS...
  local name=$1
  shift
  python train.py --data "$data" --out "$work/$name.pt" "$@" | tee "logs/$name.log"
}

# Without the validation tenth: how well it goes, the serving size, the temperature.
train backbone --sets flowers5 waste6 imagenette10 --split fit --seed 1 --epochs 56 \
  --sizes 80 112 128 --size-shares 0.4 0.3 0.3 --check-every 8 --check-sizes 128
tune=(--learning-rate 0.001 --cutmix 0.3 --mixup 0.1 --area-min 0.3 --sizes 112 --size-shares 1
  --check-every 15 --check-sizes 128 144 --processes 1)
train fit-flowers5 "${tune[@]}" --split fit --start "$work/backbone.pt" \
  --sets flowers5 --epochs 30 --seed 11
train fit-waste6 "${tune[@]}" --split fit --start "$work/backbone.pt" \
  --sets waste6 --epochs 45 --seed 12 --quarter-turns
for name in flowers5 waste6; do
  python validate.py --data "$data" --set "$name" --weights "$work/fit-$name.pt" \
    --out "logs/choice-$name.json"
done

# On from there with every photo of the train splits.
train flowers5 "${tune[@]}" --start "$work/fit-flowers5.pt" \
  --sets flowers5 --epochs 30 --seed 21
train waste6 "${tune[@]}" --start "$work/fit-waste6.pt" \
  --sets waste6 --epochs 20 --seed 22 --quarter-turns

for name in flowers5 waste6; do
  read -r size temperature < <(python -c "
import json, sys
chosen = json.load(open(sys.argv[1]))['chosen']
print(chosen['size'], chosen['temperature'])" "logs/choice-$name.json")
  python frozen.py --weights "$work/$name.pt" --size "$size" --temperature "$temperature" \
    --out "../$name/graph.pb" --labels-out "../$name/labels.txt"
  python evaluate.py --data "$data" --set "$name" --model "../$name" --samples ../samples \
    --logs logs --runs backbone "fit-$name" "$name" --weights "$work/$name.pt" --temperature "$temperature"
  # TensorFlow's answers, which the service has to give: green, before its probabilities are mended.
  npx menagerie check "$name"
  npx menagerie calibrate "$name" --images "$data/$name/test" --data "$name/test"
  mapfile -t photos < <(python -c "
from samples import SAMPLES
import sys
print(*(f'../samples/{photo}.jpg' for photo in SAMPLES[sys.argv[1]]), sep='\n')" "$name")
  npx menagerie golden "$name" "${photos[@]}" --yes
done
