"""Read a file of ``NAME=value`` lines: who else can read it, its encoding, and its lines."""

import codecs
import logging
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from daypass_client.errors import ConfigurationError
from daypass_client.secrecy import Secret, contains_token

LOG = logging.getLogger("daypass_client")

NAMES = (
    "DAYPASS_URL", "DAYPASS_REFRESH_TOKEN", "DAYPASS_USER_ID", "DAYPASS_APIS", "DAYPASS_ALLOW_HTTP", "DAYPASS_ROTATE",
    "DAYPASS_ROTATE_COMMAND", "DAYPASS_ENV_FILE", "DAYPASS_KEYRING",
)  # fmt: skip

OF_WORDS = ("DAYPASS_APIS", "DAYPASS_ROTATE_COMMAND", "DAYPASS_KEYRING")
"""Those whose values may have white space in them."""

LARGEST = 64 * 1024

_OTHERS = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
_LINE_END = re.compile(r"\r\n|\r|\n")
_SETTING = re.compile(r"(?:export\s+)?(\w+)\s*=(.*)")
_COMMENT = re.compile(r"\s+#.*")
_CURLY_QUOTES = re.compile("[\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb]")

_warned: set[str] = set()


@dataclass(frozen=True)
class Line:
    """The value of a setting, and where it is, for messages; `path`: the file that it is in."""

    value: str = field(repr=False)
    place: str
    path: Path | None = None


def read_settings(path: Path) -> dict[str, Line]:
    """The settings in the file, by name; names that are not the client's are left out.

    As in a shell: blank lines, comments (also with ``;``), ``export``, quotes, and ``#`` after white space. What could
    mean two things is refused: ConfigurationError, with the number of the line and never its value.
    """
    found: dict[str, Line] = {}
    for place, text in _lines(path):
        name, value, problem = _setting(text)
        if problem:
            raise ConfigurationError(f"{place} {problem}")
        if name not in NAMES:
            _warn_if_near(place, name)
        elif name in found and found[name].value != value:
            raise ConfigurationError(
                f"{place} sets {name} to another value than {found[name].place}: keep one of them."
            )
        else:
            found[name] = Line(value, place, path)
    return found


def _lines(path: Path) -> Iterator[tuple[str, Secret]]:
    """The place and the text of each line that is neither blank nor a comment."""
    for number, line in enumerate(_LINE_END.split(_text(path)), start=1):
        text = line.strip()
        if text and text[0] not in "#;":
            yield f"line {number} of {path}", Secret(text)


# These return what is wrong and do not raise it: the locals of their frames are secrets.


def _setting(text: str) -> tuple[str, Secret, str | None]:
    """Name and value of a line, empty for other names than ours, and what is wrong with it."""
    match = _SETTING.fullmatch(text)
    if match is None:
        if "DAYPASS_" in text or contains_token(text):
            return "", Secret(), "is not NAME=value, as in DAYPASS_REFRESH_TOKEN=dpr_…: correct it."
        return "", Secret(), None  # another program's
    name = match[1]
    if name not in NAMES:
        return name, Secret(), None
    value, problem = _value(name, match[2])
    if problem is None and _CURLY_QUOTES.search(value):
        problem = "typographic quotation marks: use plain ones, or none."
    elif problem is None and not value.isprintable():
        problem = "an invisible character in its value: type the line again."
    return name, Secret(value), problem and f"({name}) has {problem}"


def _value(name: str, text: str) -> tuple[str, str | None]:
    """The value without quotes and comment, and what the line has that is wrong."""
    bare = text.strip()
    if bare[:1] in ("'", '"'):
        value, closing, rest = bare[1:].partition(bare[0])
        if not closing:
            return value, "a quotation mark that is not closed: close or remove it."
        if rest and not _COMMENT.fullmatch(rest):
            return value, "text after the closing quotation mark: remove it."
        return value, None
    value = _COMMENT.sub("", text).strip()
    if value.endswith(("'", '"')):
        return value, "a quotation mark that is not opened: remove it."
    if name not in OF_WORDS and len(value.split()) > 1:
        return value, "white space within its value: remove it, and what does not belong to the value."
    return value, None


def _warn_if_near(place: str, name: str) -> None:
    near = get_close_matches(name.upper(), NAMES, 1, 0.85)
    if near:
        _warn(f"{place} sets {name}, which is ignored: did you mean {near[0]}?")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            _refuse_open_to_others(path, os.fstat(file.fileno()), is_fixed(path, file.fileno()))
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}.") from None
    if len(content) > LARGEST:
        raise ConfigurationError(f"{path} is larger than {LARGEST // 1024} KiB: is it the right file?")
    # Windows' editors write UTF-16 with a byte order mark, and UTF-8 with one.
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(f"{path} cannot be read: it is not text in UTF-8. Save it as UTF-8.")
    return text


def _refuse_open_to_others(path: Path, about: os.stat_result, is_fixed: bool) -> None:
    """Refuse a file that others can read or write; only warn where its permissions cannot be changed."""
    open_to = about.st_mode & _OTHERS
    if about.st_gid not in (os.getegid(), *os.getgroups()):
        open_to |= about.st_mode & stat.S_IRGRP
    if open_to and is_fixed:
        _warn(
            f"{path} can be read by others, and contains a secret: give its mount a mode such as 0440"
            " (Kubernetes: defaultMode)"
        )
    elif open_to:
        raise ConfigurationError(f"{path} can be read by others, and contains a secret: chmod 600 {path}")
    elif about.st_uid not in (0, os.geteuid()) and not is_fixed:
        raise ConfigurationError(f"{path} belongs to another user: use a file of your own.")


def is_fixed(path: Path, descriptor: int) -> bool:
    """Whether nobody here can change the file: on a read-only file system, or a link into a volume of Kubernetes.

    Kubernetes mounts secrets as links into ``..data``, of mode 0644 unless told otherwise.
    """
    is_read_only = bool(os.fstatvfs(descriptor).f_flag & os.ST_RDONLY)
    return is_read_only or (path.is_symlink() and "..data" in path.readlink().parts)


def _warn(message: str) -> None:
    """Log a warning once per process."""
    if message not in _warned:
        _warned.add(message)
        LOG.warning(message)
