"""What flows through the house: frozen snapshots of one step each.

A modality yields these events; command line, API and page show them. `to_json()`
is their only outside form: `{"event": name, …}` with plain JSON values.

A `TokenStep` carries what a browser needs to recompute the whole pipeline (raw →
penalties → temperature → top-k → top-p → renormalised) with other settings and no
forward pass: exact raw logits of the candidates, of every distinct token of the
context and of the chosen token, and for the rest of the vocabulary a summary in
groups of neighbouring rank. A group of n logits with mean m and variance v adds
n · exp(m/T) · (1 + v/(2T²)) to the normaliser at temperature T.
"""

from playground.events._base import Event, Reason
from playground.events._pictures import ImageStep, Looked
from playground.events._run import Finished, Notice, Progress, Queued
from playground.events._tokens import Beam, BeamStep, Candidate, Known, PromptToken, Started, Tail, TokenStep
from playground.events._training import TrainStep

__all__ = [
    "Beam",
    "BeamStep",
    "Candidate",
    "Event",
    "Finished",
    "ImageStep",
    "Known",
    "Looked",
    "Notice",
    "Progress",
    "PromptToken",
    "Queued",
    "Reason",
    "Started",
    "Tail",
    "TokenStep",
    "TrainStep",
]
