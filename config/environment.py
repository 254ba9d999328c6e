"""The values of the settings in the environment, and which ``DAYPASS_*`` variables are no settings of the server.

Functions raise :class:`ValueError` with a message of one line; it names variables and files, never a value.
"""

import difflib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import Field
from typing import Any

PREFIX = "DAYPASS_"
FILE = "_FILE"
"""The ending of a variable that names a file with a secret."""

LARGEST_FILE = 65536
"""Bytes of such a file."""

CLIENT = {
    f"{PREFIX}{name}" for name in (
        "URL", "REFRESH_TOKEN", "USER_ID", "APIS", "FILE", "ALLOW_HTTP",
        "ROTATE", "ROTATE_COMMAND", "ENV_FILE", "KEYRING",
    )
}  # fmt: skip
"""The variables of ``daypass-client`` (clients/python, compared by test)."""

OWN = (f"{PREFIX}TEST_", f"{PREFIX}FUZZ_")
"""The beginnings of the test suite's switches."""

# What Kubernetes sets for a service named daypass or daypass-…, and Docker for a link of that name:
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
# https://docs.docker.com/engine/network/links/#environment-variables
LINK_NAME = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR)|(_PORT)?_(START|END))?"
    r"|ENV_\w+)"
)
LINK_PORT = re.compile(r"(tcp|udp|sctp)://.+")

NEAR = 0.7
"""The least likeness (difflib's ratio) of a misspelt name to a setting's."""

HABITUAL = {
    **dict.fromkeys(("DB", "DB_URI", "DB_URL", "DSN"), "DATABASE_URL"),
    **dict.fromkeys(("KEY", "KEYS"), "TOKEN_KEYS"),
    **dict.fromkeys(("PROXY", "PROXIES"), "TRUSTED_PROXIES"),
    "PEPPER": "PASSWORD_PEPPER",
}
"""Names in use elsewhere that difflib finds unlike, though ignoring them would be dangerous."""

SWITCHES = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}


def read_values(declared: Mapping[str, "Field[Any]"]) -> dict[str, Any]:
    """The values by field name; `declared`: the fields by variable. Empty is the same as unset.

    Refuses a value of the wrong type or out of bounds.
    """
    return {each.name: _value(name, each) for name, each in declared.items()}


def refuse_misspelt(declared: Mapping[str, "Field[Any]"]) -> None:
    """Refuse a variable whose name is near that of one of these settings."""
    for name in unknown_variables(declared):
        if nearest := _nearest(name, declared):
            raise ValueError(f"unknown setting {printable(name)}: did you mean {nearest}? See docs/settings.md")


def unknown_variables(declared: Mapping[str, "Field[Any]"]) -> list[str]:
    """The ``DAYPASS_*`` variables that are neither settings nor known to be somebody else's."""
    known = {*declared, *(name + FILE for name, each in declared.items() if each.metadata["secret"]), *CLIENT}
    return sorted(
        name
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name not in known and not name.startswith(OWN) and not is_link(name, value)
    )


def secret_values(declared: Mapping[str, "Field[Any]"]) -> list[str]:
    """The values of secret settings that the environment holds, to keep them out of messages."""
    return [value for name, each in declared.items() if each.metadata["secret"] and (value := os.environ.get(name))]


def is_link(name: str, value: str) -> bool:
    """Whether Kubernetes or Docker sets it, for a service of that name."""
    if name == f"{PREFIX}NAME" or name.endswith("_NAME"):
        return value.startswith("/")
    if name.endswith("PORT") and LINK_PORT.fullmatch(value):
        return True
    return LINK_NAME.fullmatch(name) is not None


def _nearest(name: str, declared: Mapping[str, "Field[Any]"]) -> str | None:
    word = name.removeprefix(PREFIX).upper()
    bare = word.removesuffix(FILE)
    words = {each.removeprefix(PREFIX) for each in declared}
    # Of no secret, which alone can be in a file; or with a letter in lower case.
    found = bare if bare in words else HABITUAL.get(bare)
    for tried in (word, bare):
        found = found or next(iter(difflib.get_close_matches(tried, words, n=1, cutoff=NEAR)), None)
    if found is None:
        return None
    in_file = word.endswith(FILE) and declared[PREFIX + found].metadata["secret"]
    return f"{PREFIX}{found}{FILE if in_file else ''}"


def _value(name: str, setting: "Field[Any]") -> Any:
    text = _text(name, setting)
    if not text:
        return setting.default
    low, high, choices = (setting.metadata[key] for key in ("low", "high", "choices"))
    if setting.type is bool:
        if (word := text.lower()) not in SWITCHES:
            raise ValueError(f"{name} must be true or false")
        return SWITCHES[word]
    if setting.type is int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"{name} must be a whole number from {low} to {high}")
        return int(text)
    if choices and text not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}")
    return text


def _text(name: str, setting: "Field[Any]") -> str:
    """The variable's text, or that of the file which its ``_FILE`` names; empty where neither is set."""
    text, file = os.environ.get(name, ""), ""
    if setting.metadata["secret"]:
        file = os.environ.get(name + FILE, "").strip()
    if setting.type is int and LINK_PORT.fullmatch(text):
        return ""
    if text.strip() and file:
        raise ValueError(f"both {name} and {name + FILE} are set: keep one of them")
    if file:
        name += FILE
        text = _content(name, file)
    return _without_wrapping(name, text, setting.metadata["verbatim"])


def _without_wrapping(name: str, text: str, verbatim: bool) -> str:
    """The text without surrounding white space and quotes, which YAML and docker's ``--env-file`` leave there.

    Refuses them around a `verbatim` one, of which they could be a part.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is not UTF-8 text") from None
    plain = text.strip()
    if len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "\"'":
        plain = plain[1:-1].strip()
    if verbatim:
        if plain and plain != text:
            raise ValueError(f"{name} has white space or quotes around it: remove them")
    elif any(ord(letter) < 32 or ord(letter) == 127 for letter in plain):
        raise ValueError(f"{name} has a line break or another control character in it")
    return plain


def _content(name: str, path: str) -> str:
    """The text of a file with a secret, without the line break at its end."""
    # A secret that was put there by mistake must not be shown.
    file = printable(path) if path.startswith(("/", ".")) and "://" not in path else "its file"
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would block
        with open(number, "rb") as opened:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise ValueError(f"{name}: {file} is not a regular file")
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ValueError(f"{name}: can't read {file} ({error.strerror})") from None
    if len(content) > LARGEST_FILE:
        raise ValueError(f"{name}: {file} has more than {LARGEST_FILE} bytes")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{name}: {file} is not UTF-8 text") from None
    if not text.strip():
        raise ValueError(f"{name}: {file} is empty")
    return text


def printable(text: str) -> str:
    """The text with escapes for what does not show."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
