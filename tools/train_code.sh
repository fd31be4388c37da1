#!/usr/bin/env bash
# Train `code` as it was trained: tools/train_code.sh [STEPS] [DECAY] [THREADS]
# The texts are the standard library of the Python that runs this (PSF-2.0); a run that was interrupted goes on where
# it stood, and the figures of the last phase may be changed then: the decay is the last part of STEPS.
set -euo pipefail
steps=${1:-2400} decay=${2:-0.4} threads=${3:-1}
texts=build/code-texts
[ -e "$texts/python.version" ] || python tools/code_corpus.py "$texts"
lib=$texts/library.txt
corpus=$lib,$lib,$lib,$lib,$texts/classes.txt,$texts/classes.txt,$texts/tests.txt

python -m playground.training.gpt --corpus "$corpus" --repeats 0 --steps "$steps" --decay "$decay" --lines \
  --vocab-size 4096 --n-layer 5 --n-head 4 --n-embd 176 --block-size 256 --batch-size 10 --held-out 0.02 \
  --optimizer muon --bf16 --learning-rate 0.002 --warmup 100 --eval-every 250 --threads "$threads" \
  --checkpoint build/code --checkpoint-every 100 --export build/code-model ${UNTIL:+--until "$UNTIL"}
