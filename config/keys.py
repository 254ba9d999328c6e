"""The keys: secrets of the installation that must never be in the database.

Here belongs how they are generated, read and refused. They live in ``keys.env`` of the instance folder
(mode 0600), in the form of the environment variables that replace them, so that several hosts can share
them by copying two lines. Not here: what is done with them (``app.domain.secrets``, ``app.services``).
"""

import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from config.settings import PREFIX, Settings, SettingsError

KEYS_FILE = "keys.env"
TOKEN_KEYS = f"{PREFIX}TOKEN_KEYS"
PASSWORD_PEPPER = f"{PREFIX}PASSWORD_PEPPER"
LEAST_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """`token_keys`: id to key, the first signs and all verify. `pepper`: mixed into every password."""

    token_keys: dict[str, bytes] = field(repr=False)
    pepper: bytes = field(repr=False)


def generate_keys(folder: Path) -> bool:
    """Write a keys file with fresh keys, unless there is one; whether one was written."""
    path = folder / KEYS_FILE
    if path.exists():
        return False
    _write(path, {"k1": secrets.token_bytes(LEAST_BYTES)}, secrets.token_bytes(LEAST_BYTES))
    return True


def rotate_keys(folder: Path, keys: Keys) -> str:
    """Put a fresh key in front of the others in the keys file; its id. The earlier ones still verify."""
    path = folder / KEYS_FILE
    if not path.exists():
        raise SettingsError(f"there is no {path}: the keys come from the environment, add the new one there")
    number = max((int(found[1]) for key in keys.token_keys if (found := re.fullmatch(r"k(\d+)", key))), default=0)
    key_id = f"k{number + 1}"
    _write(path, {key_id: secrets.token_bytes(LEAST_BYTES)} | keys.token_keys, keys.pepper)
    return key_id


def read_keys(settings: Settings) -> Keys:
    """The keys from the environment, else from the keys file.

    Refuses, with :class:`SettingsError`, keys that are missing, short or equal, and a keys file that
    anybody but its owner may read.
    """
    stored = _read(settings.instance_folder / KEYS_FILE)
    token_keys = _ring(settings.token_keys or stored.get(TOKEN_KEYS, ""))
    pepper = _bytes(PASSWORD_PEPPER, settings.password_pepper or stored.get(PASSWORD_PEPPER, ""))
    if len({*token_keys.values(), pepper}) != len(token_keys) + 1:
        raise SettingsError(f"two of the keys in {TOKEN_KEYS} and {PASSWORD_PEPPER} are equal")
    return Keys(token_keys, pepper)


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SettingsError(f"{path} can be read by others: run chmod 600 {path}")
    return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}


def _ring(text: str) -> dict[str, bytes]:
    ring: dict[str, bytes] = {}
    for entry in text.split(",") if text else ():
        key_id, _, value = entry.strip().partition(":")
        if not re.fullmatch(r"[a-z0-9]{1,16}", key_id) or key_id in ring:
            raise SettingsError(f"{TOKEN_KEYS}: every key needs an id of its own, 1 to 16 of a-z and 0-9")
        ring[key_id] = _bytes(TOKEN_KEYS, value)
    if not ring:
        raise SettingsError(f"{TOKEN_KEYS} is missing: run `daypass init`, or set it")
    return ring


def _bytes(name: str, text: str) -> bytes:
    if not text:
        raise SettingsError(f"{name} is missing: run `daypass init`, or set it")
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise SettingsError(f"{name} is not in hex") from None
    if len(value) < LEAST_BYTES:
        raise SettingsError(f"{name} is short: {LEAST_BYTES} bytes ({LEAST_BYTES * 2} hex digits) at least")
    return value


def _write(path: Path, token_keys: dict[str, bytes], pepper: bytes) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    ring = ",".join(f"{key_id}:{key.hex()}" for key_id, key in token_keys.items())
    text = (
        "# Daypass's keys. Whoever has them and the database can make tokens; without them no token works.\n"
        "# Keep a copy in a safe place, apart from the database's.\n"
        f"{TOKEN_KEYS}={ring}\n{PASSWORD_PEPPER}={pepper.hex()}\n"
    )
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
