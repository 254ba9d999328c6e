"""A worker's process, before its own first line."""

import binascii
import pickle
import subprocess
import sys

import pytest

from app.server.spawning import PROGRAM


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_worker_whose_supervisor_is_killed_while_it_starts_ends_in_silence(share: float) -> None:
    """Fails when what the supervisor had no time to write is read as if it were whole."""
    line = binascii.b2a_base64(pickle.dumps((sys.path, {}, pickle.dumps(print))))
    written = line[: int(len(line) * share)]
    ended = subprocess.run([sys.executable, "-c", PROGRAM], input=written, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0 if share == 1 else 1, b"")
