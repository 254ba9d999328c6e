"""A wrong clock for the processes that are started with it, which a test moves while they run.

``false_time/sitecustomize.py`` changes Python's own ``datetime`` and ``time`` when a process starts. Commands can have
libfaketime instead (Debian's package ``faketime``), which changes what the system calls answer. Servers cannot: with a
monotonic clock that is right, its ``clock_nanosleep`` fails, and so does ``time.sleep`` (seen with 0.9.10).
"""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

LIBRARIES = tuple(
    Path(folder) / "faketime" / "libfaketime.so.1"
    for folder in (
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/lib",
    )
)
INJECTED = Path(__file__).parent / "false_time"


def library() -> Path | None:
    """libfaketime, if it is installed and works here."""
    found = next((each for each in LIBRARIES if each.is_file()), None)
    if found is None:
        return None
    script = "import time; print(time.time() > 4_000_000_000)"
    environment = os.environ | {"LD_PRELOAD": str(found), "FAKETIME": "+30000d"}
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    return found if shown.stdout.strip() == "True" else None


class FalseClock:
    """`environment`: the variables of the processes that have this clock. It is right until it is set."""

    def __init__(self, folder: Path, *, is_for_commands: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "clock"
        faketime = library() if is_for_commands else None
        self.set(timedelta(0))
        if faketime is None:
            path = os.pathsep.join(filter(None, (str(INJECTED), os.environ.get("PYTHONPATH", ""))))
            self.environment = {"PYTHONPATH": path, "FALSE_CLOCK_FILE": str(self._file)}
        else:
            self.environment = {
                "LD_PRELOAD": str(faketime),
                "FAKETIME_TIMESTAMP_FILE": str(self._file),
                "FAKETIME_NO_CACHE": "1",  # read at every call
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }

    def set(self, ahead: timedelta) -> None:
        """Show so much more than the time, or less where negative. At once, in all processes."""
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{ahead.total_seconds():+.0f}\n")
        unfinished.replace(self._file)
