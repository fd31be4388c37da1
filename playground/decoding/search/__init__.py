"""What chooses the next token: one file per search, the file name is the value of the setting `search`.

A module has a frozen dataclass `Search` whose fields are its settings, with `samples` (sampling filters
act, and a random number chooses), `several` (it follows more than one row), `scores(logits)` (what the
filters work on) and `choose(scores, uniform, state, ending)`, which says which row continues with which
token.
"""
