"""How long a test waits for what must happen.

No test measures with it: what takes a second here may take ten on a busy machine, and who waits for so long waits for
something that never comes. What is true of a time otherwise is stated by what it means: counts, order, work.
"""

PATIENCE_SECONDS = 120
