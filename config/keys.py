"""The keys: secrets of the installation that must never be in the database.

They are in ``keys.env`` of the instance folder (mode 0600), in the form of environment variables, so that several hosts
can share them. Not here: their use (``app.domain.secrets``, ``app.services``).
"""

import io
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import parse_stream

from config import exposure, files
from config.settings import PREFIX, Settings, SettingsError

KEYS_FILE = "keys.env"
TOKEN_KEYS = f"{PREFIX}TOKEN_KEYS"
PASSWORD_PEPPER = f"{PREFIX}PASSWORD_PEPPER"
LEAST_BYTES = 32

MISSING = "{} is missing: run `daypass init` to generate the keys, or set both variables"


@dataclass(frozen=True)
class Keys:
    """`token_keys`: id to key, the first signs and all verify. `pepper`: mixed into every password."""

    token_keys: dict[str, bytes] = field(repr=False)
    pepper: bytes = field(repr=False)


def generate_keys(folder: Path) -> bool:
    """Write a keys file with new keys; False where it exists."""
    path = folder / KEYS_FILE
    text = _text({"k1": secrets.token_bytes(LEAST_BYTES)}, secrets.token_hex(LEAST_BYTES))
    try:
        return files.create(path, text)
    except OSError as error:
        raise SettingsError(f"can't create {path} ({error.strerror}): {files.remedy(path, error.errno)}") from error


def rotate_keys(folder: Path, keys: Keys) -> tuple[str, bool]:
    """Take the next step of a rotation in the keys file: the id of the new key, and whether it signs.

    The first call appends a new key, with which every process then verifies; the second puts it first. Otherwise a
    restarted process would sign with a key that the others do not know.
    """
    path = folder / KEYS_FILE
    stored = _read(path)
    ring = _ring(stored[TOKEN_KEYS]) if stored.get(TOKEN_KEYS) else {}
    if ring != keys.token_keys:
        raise SettingsError(f"the keys in use are not those of {path}: they come from the environment, add one there")
    signing = next(iter(ring))
    newest = max(ring, key=_number)
    promoted = _number(newest) > _number(signing)
    if not promoted:
        newest = f"k{_number(newest) + 1}"
        ring = ring | {newest: secrets.token_bytes(LEAST_BYTES)}
    else:
        ring = {newest: ring[newest]} | ring
    try:
        files.replace(path, _text(ring, stored.get(PASSWORD_PEPPER, "")))
    except OSError as error:
        raise SettingsError(f"can't replace {path} ({error.strerror}): {files.remedy(path, error.errno)}") from error
    return newest, promoted


def _number(key_id: str) -> int:
    match = re.fullmatch(r"k(\d+)", key_id)
    return int(match[1]) if match else 0


def read_keys(settings: Settings) -> Keys:
    """The keys from the environment, else from the keys file.

    Raises :class:`SettingsError` for missing, short or equal keys, and for a keys file in use that others can
    read.
    """
    is_complete = settings.token_keys and settings.password_pepper
    stored = {} if is_complete else _read(settings.instance_folder / KEYS_FILE)
    token_keys = _ring(settings.token_keys or stored.get(TOKEN_KEYS, ""))
    pepper = _bytes(PASSWORD_PEPPER, settings.password_pepper or stored.get(PASSWORD_PEPPER, ""))
    if len({*token_keys.values(), pepper}) != len(token_keys) + 1:
        raise SettingsError(f"two of the keys in {TOKEN_KEYS} and {PASSWORD_PEPPER} are equal")
    return Keys(token_keys, pepper)


def _read(path: Path) -> dict[str, str]:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # opening a named pipe would block
            raise SettingsError(f"{path} is not a regular file: restore it from your copy")
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(f"can't read {path} ({error.strerror}): {files.remedy(path, error.errno)}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text: restore it from your copy") from None
    for problem in (exposure.readers_problem(path, about), exposure.folder_problem(path.resolve().parent)):
        if problem:
            raise SettingsError(str(problem))
    return _assignments(path, text)


def _assignments(path: Path, text: str) -> dict[str, str]:
    """The values by name. Refuses a line that can't be read: with a quote that is not closed, it may be a key's."""
    found = {}
    for each in parse_stream(io.StringIO(text)):
        if each.error:
            number = text.count("\n", 0, text.index(each.original.string.strip())) + 1  # blank lines are a part of it
            raise SettingsError(f"line {number} of {path} is not NAME=value: correct it")
        found[each.key or ""] = each.value or ""
    return found


def _ring(text: str) -> dict[str, bytes]:
    ring: dict[str, bytes] = {}
    for entry in text.split(",") if text else ():
        key_id, _, value = entry.strip().partition(":")
        if not re.fullmatch(r"[a-z0-9]{1,16}", key_id) or key_id in ring:
            raise SettingsError(f"{TOKEN_KEYS}: every key needs an id of its own, 1 to 16 of a-z and 0-9")
        ring[key_id] = _bytes(TOKEN_KEYS, value)
    if not ring:
        raise SettingsError(MISSING.format(TOKEN_KEYS))
    return ring


def _bytes(name: str, text: str) -> bytes:
    if not text:
        raise SettingsError(MISSING.format(name))
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise SettingsError(f"{name} is not in hex") from None
    if len(value) < LEAST_BYTES:
        raise SettingsError(f"{name} is short: {LEAST_BYTES} bytes ({LEAST_BYTES * 2} hex digits) at least")
    return value


def _text(token_keys: dict[str, bytes], pepper: str) -> str:
    ring = ",".join(f"{key_id}:{key.hex()}" for key_id, key in token_keys.items())
    return (
        "# Daypass's keys. With them and the database, anyone can create tokens; without them, no token works.\n"
        "# Keep a copy in a safe place, apart from the database's.\n"
        f"{TOKEN_KEYS}={ring}\n{PASSWORD_PEPPER}={pepper}\n"
    )
