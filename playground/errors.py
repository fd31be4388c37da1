"""The one error whose text a visitor sees.

A message quotes the value that was received and says what to do next. Every
other exception is a defect of the program: it is logged, and the visitor is
told so without its text.
"""


class PlaygroundError(Exception):
    """A problem that its reader can solve; `str(error)` is shown as it is."""
