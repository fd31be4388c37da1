"""What the playground can make: one file per tab (text, code, …).

A module here is a plug-in. It has a docstring (the tab's introduction), `TITLE`,
`Settings`, `limits(settings, spec)`, `generate(settings, manager, start=None)`, and
as data `PRESETS` and `EXAMPLES`. Page, command line, API and contract tests are
derived from these.
"""
