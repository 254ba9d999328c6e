"""How fast Daypass is, in front of what: measured in one run on one machine, written to ``results.md``.

Here belong the subjects that are measured, the load, the sections of the measurement and how results are shown.
Not here: tests. Nothing in the test suite depends on a time, and nothing of Daypass depends on this package.
Run it with ``make bench``; its packages live in an environment of their own, ``.venv-bench/``.
"""
