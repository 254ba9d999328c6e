"""Keeping tokens out of sight: text that does not show itself, and a filter for logs.

Here belongs recognising secrets in text. Not here: where tokens are kept (``cache``) or may be sent (``origins``).
"""

import logging
import re
from collections import deque
from urllib.parse import quote

HIDDEN = "<hidden>"

# Text that is glued to something (``TOKEN%3Ddpa_…``) or was cut short has a secret in it too.
_TOKEN_TEXT = re.compile(r"([a-z]{1,12}[ra]_[a-z0-9]{12})_[0-9A-Za-z]{20,49}")

_known: deque[str] = deque(maxlen=100)
"""The latest secrets of this process: those of other servers (Alation's) can't be told by their looks."""


class Secret(str):
    """A string that works like any other, but is not shown where objects are: in tracebacks, logs and debuggers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown(self))


def shown(secret: str) -> str:
    """What may be told of a secret: Daypass's public id, or nothing."""
    match = _TOKEN_TEXT.fullmatch(secret)
    return f"{match[1]}_{HIDDEN}" if match else HIDDEN


def remember(secret: str) -> Secret:
    """The secret as one that :func:`without_secrets` recognises from now on."""
    if secret not in _known:
        _known.append(secret)
    return Secret(secret)


def without_secrets(text: str, *more: str) -> str:
    """The text without token text of Daypass, secrets of this process, and `more`."""
    for secret in sorted((*_known, *more), key=len, reverse=True):  # one may be a part of another
        for written in (str(secret), quote(secret, safe="")):
            text = text.replace(written, shown(secret))
    return _TOKEN_TEXT.sub(rf"\1_{HIDDEN}", text)


class SecretFilter(logging.Filter):
    """Takes secrets out of log records: message, traceback, and whatever else was added.

    Add it to handlers, not to loggers, whose filters do not see what other loggers hand on. `secrets`: more to hide.
    """

    def __init__(self, *secrets: str) -> None:
        super().__init__()
        self._secrets = tuple(each for each in secrets if each)

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: the record stays, without its secrets."""
        self._clean_message(record)
        self._clean_traceback(record)
        for name, value in list(vars(record).items()):
            if name in ("msg", "args", "exc_info") or value is None:
                continue
            if (said := str(value)) != (clean := self._clean(said)):
                setattr(record, name, clean)
        return True

    def _clean(self, text: str) -> str:
        return without_secrets(text, *self._secrets)

    def _clean_message(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit: the handler's to complain about
            said = f"{record.msg} {record.args}"
        if said != (clean := self._clean(said)):
            record.msg, record.args = clean, ()

    def _clean_traceback(self, record: logging.LogRecord) -> None:
        if not record.exc_info:
            return
        said = logging.Formatter().formatException(record.exc_info)
        if said != (clean := self._clean(said)):
            # Without exc_info, for some handlers write the traceback anew from it.
            record.exc_text, record.exc_info = clean, None
