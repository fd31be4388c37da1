#!/usr/bin/env bash
# Train the masked language model `gaps`: tools/train_gaps.sh TEXTS [STEPS] [DECAY] [THREADS]
# TEXTS is a folder with tinystories_part, readers_rhymes and animal_tales (.txt.xz, one <|endoftext|> after a text).
# A run that was interrupted goes on where it stood.
set -euo pipefail
texts=$1 steps=${2:-2400} decay=${3:-0.3} threads=${4:-1}
corpus=$texts/tinystories_part.txt.xz,$texts/readers_rhymes.txt.xz,$texts/animal_tales.txt.xz

python -m playground.training.bert --corpus "$corpus" --repeats 4 --steps "$steps" --decay "$decay" --held-out 0.02 \
  --vocab-size 4096 --n-layer 4 --n-head 6 --n-embd 192 --block-size 64 --batch-size 64 --mask-rate 0.3 \
  --optimizer muon --bf16 --learning-rate 0.0015 --warmup 100 --eval-every 250 --threads "$threads" \
  --checkpoint build/gaps --checkpoint-every 100 --export build/gaps-model
