"""Failures of commands in one line that says what happened and what to do, without secrets; and their traceback."""

import errno
import os
import sys
import traceback
from contextlib import suppress

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app import logs
from app.domain import errors
from app.domain.errors import Refusal
from app.domain.masking import mask
from app.domain.text import count_of
from config import SettingsError, files, load_settings, without_secret_settings
from config.settings import PREFIX

LOG = structlog.get_logger(__name__)

LONGEST = 500

REMEDIES = files.REMEDIES | dict.fromkeys((errno.EACCES, errno.EPERM), "run the command as the user of the service")


def explain(error: Exception) -> str:
    """The failure in one line."""
    return _one_line(_sentence(error))


def _sentence(error: Exception) -> str:
    match error:
        case Refusal():
            return message(error)
        case SettingsError():
            return str(error)
        case UnicodeEncodeError() if error.encoding.lower() not in ("utf-8", "utf8"):
            return f"The output can't be written in the encoding {error.encoding}: set PYTHONIOENCODING=utf-8."
        case UnicodeError():
            return "The input is not UTF-8 text."
        case DBAPIError():
            reported = _first_line(error.orig)
            return f"The database reports: {reported}. Check {PREFIX}DATABASE_URL; if its file is damaged, restore it."
        case OSError() if error.strerror:
            place = f": {error.filename}" if error.filename else ""
            remedy = REMEDIES.get(error.errno or 0, "see the documentation of the command")
            return f"{error.strerror}{place}; {remedy}."
        case SQLAlchemyError():
            return f"The database can't be used ({type(error).__name__}): check {PREFIX}DATABASE_URL."
        case _:
            text = f"{type(error).__name__}: {_first_line(error)}".removesuffix(": ")
            return f"This is an error in Daypass ({text}). {PREFIX}LOG_LEVEL=DEBUG shows where; please report it."


def message(refusal: Refusal) -> str:
    """The refusal in one line."""
    match refusal:
        case errors.BadRequest(message=message):
            return message
        case errors.NotFound(what=what):
            return f"There is no such {what}."
        case errors.Conflict(what=what) | errors.NotPermitted(what=what) | errors.FeatureOff(what=what):
            return what
        case errors.TemporaryPassword(what=what) | errors.SecondFactorRequired(what=what):
            return what
        case errors.SignInRefused(what=what):
            return what
        case errors.LimitReached(what=what, limit=limit):
            return f"The user has {count_of(limit, what.removesuffix('s'))}, which is the limit."
        case errors.Unavailable(what=what):
            return f"Not available: {what}{_because(refusal)}."
        case _:
            return refusal.reason.replace("_", " ")


def log_traceback(error: Exception) -> None:
    """Log where an unexpected error came from, at level DEBUG and on standard error."""
    if isinstance(error, Refusal | SettingsError) or not _is_debugging():
        return
    logs.configure("DEBUG", "ext://sys.stderr")
    LOG.debug("command_failed", traceback=without_secret_settings("".join(traceback.format_exception(error))))
    logs.configure("CRITICAL", "ext://sys.stderr")


def _is_debugging() -> bool:
    with suppress(Exception):  # they can be what has failed
        return load_settings().log_level == "DEBUG"
    return False


def discard_output() -> None:
    """Drop output that can't be written, as on a full disk: Python would fail once more when it exits."""
    if sys.stdout is None:  # Python's, if it was closed at the start
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _because(refusal: Refusal) -> str:
    """The first line of the driver's error."""
    cause = getattr(refusal.__cause__, "orig", None) or refusal.__cause__ or ""
    return f" ({first})" if (first := _first_line(cause)) else ""


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0].strip()


def _one_line(text: str) -> str:
    text = mask(without_secret_settings(" ".join(text.split())))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
