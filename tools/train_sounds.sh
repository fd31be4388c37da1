#!/usr/bin/env bash
# Train the encoder-decoder `sounds`, from letters to phonemes: tools/train_sounds.sh [STEPS] [THREADS]
# A run that was interrupted goes on where it stood.
set -euo pipefail
steps=${1:-4000} threads=${2:-1}

python -m playground.training.t5 --task pronunciation --steps "$steps" --decay 0.5 --held-out 0.02 \
  --n-layer 3 --n-head 4 --n-embd 128 --batch-size 128 \
  --optimizer muon --learning-rate 0.003 --warmup 100 --eval-every 250 --threads "$threads" \
  --checkpoint build/sounds --checkpoint-every 100 --export build/sounds-model
