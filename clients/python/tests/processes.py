"""Clients in processes of their own, as scripts are."""

import os
import subprocess
import sys
from pathlib import Path

PATIENCE_SECONDS = 60


def start(code: str, **environment: str) -> subprocess.Popen[str]:
    """Run Python code with that in the environment."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], env=os.environ | environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    """What it printed; it must have ended well."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    return out


def run(code: str, **environment: str) -> str:
    return finish(start(code, **environment))


def make_somebody_elses(path: Path) -> None:
    """Root gives it away; anybody else puts a link to a file of root's in its place."""
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    else:
        path.unlink()
        path.symlink_to("/etc/passwd")
