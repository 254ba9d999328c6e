"""The WSGI application that does nothing, its threads on one core, as those of Daypass are."""

from app.gate.cpu_placement import CpuPlacement
from bench.apps.nothing import application as nothing

application = CpuPlacement(nothing, "daypass-bench-nothing")
"""Reserved under another name, so that it takes no core from Daypass, which runs beside it and waits."""
