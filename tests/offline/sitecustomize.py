"""Python imports this at its start where PYTHONPATH names this folder: the process stays on its machine."""

from loopback_only import block

block()
