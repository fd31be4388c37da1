"""What reshapes the next-token distribution: one file per filter, run in the order of `ORDER`.

A module has `ORDER`, `PENALTY` (True: it acts in greedy and beam search, too) and a frozen dataclass
`Filter` whose fields are its settings. `Filter(...)(logits, input_ids)` takes raw scores (B, V) and
contexts (B, T) and gives new scores (B, V), removed tokens at -inf; its input is not changed.
"""
