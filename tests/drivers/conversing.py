"""Talks with somebody else's client in a process of its own, whose end is ``foreign/conversation.py`` or the like."""

import json
import os
import select
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True)
class Outcome:
    """Of one act. `raised`: None, or a mapping with `type`, `text` and `said` (what the client tells as data)."""

    returned: Any
    raised: dict[str, Any] | None
    requests: list[dict[str, Any]]
    """Each with `line` (method, path, query), the headers it had of those that matter, and `form`."""

    @property
    def lines(self) -> list[str]:
        return [request["line"] for request in self.requests]


class Conversation:
    """A client's process, from the start of the `with` block to its end."""

    def __init__(
        self, words: list[str], folder: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        """`folder`: its home, and where its own messages go."""
        self._words, self._cwd = words, cwd
        self._messages = folder / "messages"
        ours = ("DAYPASS_", "PYTHON", "COVERAGE")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self._environment = clean | {"HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | dict(environment or {})
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Conversation":
        with self._messages.open("w") as messages:
            self._process = subprocess.Popen(
                self._words, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages,
                cwd=self._cwd, text=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        with suppress(BrokenPipeError):
            self._process.communicate(timeout=PATIENCE_SECONDS)  # the end of its input is the end of it

    def messages(self) -> str:
        """What the client wrote besides its outcomes."""
        return self._messages.read_text(errors="replace")

    def do(self, act: str, **arguments: object) -> Outcome:
        """One act; AssertionError where the process ended instead, or took too long."""
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{json.dumps({'act': act, 'with': arguments})}\n")
            self._process.stdin.flush()
        waiting, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        line = self._process.stdout.readline() if waiting else ""
        assert line, f"the client did not answer to {act!r}:\n{self.messages()}"
        told = json.loads(line)
        return Outcome(told.get("returned"), told.get("raised"), told.get("requests", []))
