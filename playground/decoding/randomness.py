"""The number that chooses a token: a pure function of (seed, lane, index).

A counter-based generator (Philox 4×64; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
needs no state: the number of step 40 is the same whichever path, batch or visitor led there.
"""


def uniform(seed: int, lane: int, index: int) -> float:
    """A number in [0, 1) for step `index` of token stream `lane` under `seed` (any whole numbers)."""
    import numpy as np

    word = 2**64
    key = np.array([seed % word, lane % word], dtype=np.uint64)  # a list of large ints would become floats
    bits = np.random.Philox(key=key, counter=index % word)
    return float(np.random.Generator(bits).random())
