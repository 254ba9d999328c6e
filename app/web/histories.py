"""The lines of a token's history in words, for the macro ``timeline``. Not here: what happened (``token_history``)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.clock import parse_instant
from app.domain.service_accounts import REVOKED_FOR_ACCOUNT
from app.domain.token_history import Entry, Step

OWN_REASONS = ("revoked by its owner", "revoked by its holder", "deleted", REVOKED_FOR_ACCOUNT)
"""What Daypass itself writes where an owner gives no reason."""


@dataclass(frozen=True)
class Line:
    """`name`: of an icon; `kind`: its tint, if any; `beside`: the address; `quiet`: what else is known."""

    name: str
    kind: str
    text: str
    beside: str
    quiet: str
    at: datetime


_LOOKS = {
    Step.CREATED: ("plus", ""),
    Step.FIRST_REQUESTED: ("check", "good"),
    Step.REQUESTED: ("key", ""),
    Step.REGENERATED: ("cycle", ""),
    Step.ROTATED: ("cycle", ""),
    Step.OLD_SECRET_ENDED: ("stop", ""),
    Step.MOVED: ("users", ""),
    Step.RENAMED: ("pencil", ""),
    Step.DESCRIBED: ("pencil", ""),
    Step.FOUND_SHARED: ("warning", "warn"),
    Step.SECRET_FOUND: ("warning", "warn"),
    Step.EXPIRED: ("clock", ""),
    Step.REVOKED: ("stop", "bad"),
}

_TEXTS = {
    Step.FIRST_REQUESTED: "First API access token requested",
    Step.REQUESTED: "API access token requested",
    Step.FOUND_SHARED: "Two programs seem to share it",
    Step.SECRET_FOUND: "Its secret was sent where logs keep it",
    Step.EXPIRED: "Expired",
}

_MEANS = {
    "session": "on a page",
    "password": "with the password",
    "access token": "with access token {}",
    "refresh token": "with its own secret",
}
"""By how the credential of an audit event begins."""


def lines_of(entries: Iterable[Entry], reader: str) -> list[Line]:
    """A history for somebody with this user name."""
    return [
        Line(*_LOOKS[each.step], _text(each, reader), each.address or "", _quiet(each), each.at) for each in entries
    ]


def actor(name: str | None, reader: str) -> str:
    """Who did something, for a reader with this user name: such as "you", "clara" and "root, on the command line"."""
    kind, _, rest = (name or "").partition(":")
    if kind == "cli" and rest:
        return f"{rest}, on the command line"
    if kind == "job" and rest:
        return f"the job {rest}"
    return "you" if name == reader else name or ""


def reason(text: str | None) -> str:
    """Why a token was revoked; empty where nobody gave a reason."""
    return "" if text in OWN_REASONS else text or ""


def _text(entry: Entry, reader: str) -> str:
    by, what = actor(entry.by, reader), entry.step.capitalize()
    if entry.step in _TEXTS or not by:
        return _TEXTS.get(entry.step, what)
    return f"{what} by {by}{_means(entry.means)}"


def _quiet(entry: Entry) -> str:
    if entry.step is Step.REVOKED:
        return reason(entry.note)
    if entry.step is Step.REGENERATED:
        return "The secret of before stopped working at once"
    if entry.step is Step.ROTATED:
        return _overlap(entry)
    preposition = "In" if entry.step is Step.SECRET_FOUND else "From"
    return f"{preposition} {entry.note}" if entry.note else ""


def _overlap(entry: Entry) -> str:
    until = parse_instant(entry.note) if entry.note else entry.at
    if until <= entry.at:
        return "The old secret stopped working at once"
    return f"Overlap of both secrets until {until.day} {until:%B}, {until:%H:%M} UTC"


def _means(credential: str) -> str:
    for kind, words in _MEANS.items():
        if credential.startswith(kind):
            return " " + words.format(credential.removeprefix(kind).strip())
    return ""
