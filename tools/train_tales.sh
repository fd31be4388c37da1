#!/usr/bin/env bash
# Train `tales` as it was trained: tools/train_tales.sh TEXTS [THREADS]
# TEXTS is a folder with tinystories_part, readers_rhymes and animal_tales (.txt.xz, one <|endoftext|> after a text).
# Four phases of one run over one checkpoint; a phase that was interrupted goes on where it stood.
# The project's own texts grow from phase to phase, as they did: contrasts from the second on, plain facts in the last.
set -euo pipefail
texts=$1 threads=${2:-2}
own=assets/data/everyday
stories=$texts/tinystories_part.txt.xz,$texts/readers_rhymes.txt.xz,$texts/animal_tales.txt.xz
first=$own/food_body.txt,$own/home.txt,$own/nature.txt,$own/people_sky.txt,$own/sentences.txt,$own/tales.txt
more=$first,$own/contrasts1.txt,$own/contrasts2.txt

times() { local list=""; for _ in $(seq "$1"); do list=$list,$2; done; echo "$list"; }

phase() { # phase CORPUS STEPS DECAY UNTIL
  python -m playground.training.gpt --corpus "$1" --steps "$2" --decay "$3" --until "$4" --repeats 0 \
    --vocab-size 4096 --n-layer 6 --n-head 4 --n-embd 256 --block-size 512 --batch-size 8 \
    --optimizer muon --bf16 --learning-rate 0.002 --warmup 100 --threads "$threads" \
    --checkpoint build/tales --checkpoint-every 100 --export build/tales-model
}

phase "$stories$(times 4 "$first")" 3000 0.4 1500
phase "$stories$(times 6 "$more")" 3600 0.4 1600
phase "$stories$(times 8 "$more")" 2800 0.42 2800
phase "$stories$(times 12 "$more")$(times 40 "$own/plain_facts.txt")" 3250 0.42 3250
