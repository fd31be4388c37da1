"""What there is to see in a lesson, beside its loss: data, tokens, architecture, gradients, errors, and the families.

`catalogue` is the door: it names the lessons and loads none of them until one is asked for, so that a page can import
it without torch. The rest are plain functions of a lesson's name and either its configuration or its `live`, the state
that a `TrainStep` carries. None of them changes what it is given: a training that was looked at goes on as if it had
not been.
"""
