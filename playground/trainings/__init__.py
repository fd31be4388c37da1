"""Trainings: the runs of lessons that belong to visits.

    mine = trainings.of(token, person)
    mine.start("gpt", {"steps": 300})       # in a thread of its own, step by step through the manager's gate
    mine.frame(since_version)               # what a page draws, as JSON text; whoever asks looks
    mine.pause(); mine.step(); mine.resume(); mine.rewind(100); mine.stop()

`_visit` the trainings of visits · `_training` one run · `_record` what it has shown · `_series` curves and timeline ·
`_pace` what showing may cost · `_states` checkpoints on the disk · `_lesson` a lesson as seen from here.
"""

from playground.trainings._training import Training
from playground.trainings._visit import Trainings, VisitTrainings

__all__ = ["Training", "Trainings", "VisitTrainings"]
