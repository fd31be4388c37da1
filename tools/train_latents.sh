#!/usr/bin/env bash
# Trains the embedded latent models `faces-vae` and `faces-gan` with the lessons themselves: some minutes each.
# bash tools/train_latents.sh [BUILD]
set -euo pipefail
build=${1:-build}

python -m playground.training.vae --data faces --size 32 --examples 8192 --latent-dim 12 --width 16 --depth 2 \
  --batch-size 64 --steps 4000 --look-every 1000 --beta 1 \
  --checkpoint "$build/faces-vae" --checkpoint-every 500 --export "$build/faces-vae-model" --json | tail -n 1

python -m playground.training.gan --data faces --size 32 --examples 8192 --latent-dim 16 --width 16 \
  --batch-size 64 --r1 1.0 --steps 2000 --look-every 1000 \
  --checkpoint "$build/faces-gan" --checkpoint-every 500 --export "$build/faces-gan-model" --json | tail -n 1
