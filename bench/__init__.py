"""How fast Daypass is: measured beside other software in one run on one machine, written to ``results.md``.

Here belong the subjects, the load, the sections of the measurement and how results are shown. Not here: tests. No test
depends on a time, and nothing of Daypass depends on this package. Run it with ``make bench``; its packages are in an
environment of their own, ``.venv-bench/``.
"""
