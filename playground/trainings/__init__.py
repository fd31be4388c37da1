"""Trainings: the runs of lessons that belong to visits.

    mine = trainings.of(token, person)
    mine.start("gpt", {"steps": 300})       # in a thread of its own, step by step through the manager's gate
    mine.frame(since_version)               # what a page draws, as JSON text; whoever asks looks
    run = mine.training
    run.pause(); run.step(); run.resume(); run.rewind(100); run.stop()
    run.call(lambda live: …)                # whatever looks at a run (`playground/lessons`), between two steps

`_all` everybody's · `_visit` one visit's · `_training` one run · `_engine` its steps · `_record` what it has shown ·
`_series` curves and timeline · `_pace` what showing may cost · `_states` checkpoints on the disk ·
`_saving` models that stay · `_lesson` a lesson as seen from here.
"""

from playground.trainings._all import Trainings
from playground.trainings._training import Training
from playground.trainings._visit import VisitTrainings

__all__ = ["Training", "Trainings", "VisitTrainings"]
