"""Keep tokens out of logs and tracebacks: a string with a hidden ``repr``, and a log filter."""

import logging
import re
from collections import deque
from urllib.parse import quote

HIDDEN = "<hidden>"

# No word boundaries and a minimum length: joined text (``TOKEN%3Ddpa_…``) and truncated tokens are secrets too.
_TOKEN_TEXT = re.compile(r"([a-z]{1,12}[ra]_[a-z0-9]{12})_[0-9A-Za-z]{20,49}")

_known: deque[str] = deque(maxlen=100)
"""The latest secrets of this process: those of other servers (Alation) match no pattern."""


class Secret(str):
    """A string whose ``repr``, as in tracebacks, logs and debuggers, does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown(self))


def shown(secret: str) -> str:
    """The text to show for a secret: Daypass's public id, or none of it."""
    public_id = public_id_of(secret)
    return f"{public_id}_{HIDDEN}" if public_id else HIDDEN


def public_id_of(secret: str) -> str | None:
    """The public id in a token of Daypass; None for other texts."""
    match = _TOKEN_TEXT.fullmatch(secret)
    return match[1] if match else None


def contains_token(text: str) -> bool:
    """Whether there is a token of a Daypass in the text."""
    return _TOKEN_TEXT.search(text) is not None


def remember(secret: str) -> Secret:
    """The secret, which :func:`without_secrets` removes from now on."""
    if secret not in _known:
        _known.append(secret)
    return Secret(secret)


def without_secrets(text: str, *more: str) -> str:
    """The text without tokens of Daypass, secrets of this process, and `more`."""
    for secret in sorted((*_known, *more), key=len, reverse=True):  # one may be part of another
        for written in (str(secret), quote(secret, safe="")):
            text = text.replace(written, shown(secret))
    return _TOKEN_TEXT.sub(rf"\1_{HIDDEN}", text)


class SecretFilter(logging.Filter):
    """Removes secrets from log records: message, traceback and extras.

    Add it to handlers: a logger's filters do not see records from other loggers. `secrets`: more to hide.
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
            if (text := str(value)) != (clean := self._clean(text)):
                setattr(record, name, clean)
        return True

    def _clean(self, text: str) -> str:
        return without_secrets(text, *self._secrets)

    def _clean_message(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit: the handler reports them
            text = f"{record.msg} {record.args}"
        if text != (clean := self._clean(text)):
            record.msg, record.args = clean, ()

    def _clean_traceback(self, record: logging.LogRecord) -> None:
        if not record.exc_info:
            return
        text = logging.Formatter().formatException(record.exc_info)
        if text != (clean := self._clean(text)):
            # Remove exc_info: some handlers format the traceback from it again.
            record.exc_text, record.exc_info = clean, None
