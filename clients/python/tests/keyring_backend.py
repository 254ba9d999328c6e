"""A backend of the library keyring that keeps its entries in a file, as one of the system does in a service.

``DAYPASS_TEST_KEYRING`` names the file. Like that of macOS, it deletes an entry before it writes it again.
"""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringError


class FileKeyring(KeyringBackend):
    """Chosen by ``PYTHON_KEYRING_BACKEND``."""

    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        entries = self._entries()
        if entries.pop(f"{service}/{username}", None) is not None:
            self._write(entries)
        self._write(entries | {f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self._entries()
        del entries[f"{service}/{username}"]
        self._write(entries)

    @property
    def _path(self) -> Path:
        return Path(os.environ["DAYPASS_TEST_KEYRING"])

    def _entries(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return found

    def _write(self, entries: dict[str, str]) -> None:
        if self._path.with_suffix(".locked").exists():
            raise KeyringError("the keyring is locked")
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(entries))
        draft.replace(self._path)
