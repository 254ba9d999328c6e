"""Audit events as pages show them: the sentence in pieces, the details as pairs, and where their objects are."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from flask import url_for

from app.domain.audit import AuditEvent, Result
from app.domain.audit_words import sentence
from app.domain.tokens import TokenKind
from app.web.rendering import handle

Names: TypeAlias = Mapping[str, str]
Ids: TypeAlias = Mapping[str, int]
NONE: Mapping[str, Any] = {}

TOKENS = {"refresh_token": TokenKind.REFRESH, "access_token": TokenKind.ACCESS}

LABELS = {"number": "number of the session"}
"""Of details whose name alone says little."""

_LOOKS = {
    "created": ("plus", ""),
    "minted": ("key", ""),
    "began": ("user", ""),
    "regenerated": ("cycle", ""),
    "enabled": ("check", "good"),
    "sign_in_unlocked": ("check", "good"),
    "revoked": ("stop", "bad"),
    "tokens_revoked": ("stop", "bad"),
    "disabled": ("stop", "bad"),
    "sign_in_locked": ("warning", "warn"),
    "found_shared": ("warning", "warn"),
    "secret_found": ("warning", "warn"),
}
"""An icon and its tint, by the past participle of the action."""


@dataclass(frozen=True)
class Piece:
    """`kind`: name (of an object), code (an id), or empty."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class EventRow:
    """`href`: of the object's page; empty where it has none. `icon`, `tint`: as in a timeline."""

    event: AuditEvent
    pieces: list[Piece]
    detail: list[tuple[str, str]]
    href: str
    icon: str
    tint: str


def event_rows(events: Iterable[AuditEvent], token_names: Names = NONE, user_ids: Ids = NONE) -> list[EventRow]:
    """`token_names`: by public id; `user_ids`: by user name, of the objects that exist."""
    return [
        EventRow(
            event,
            list(_pieces(event, token_names)),
            list(_pairs(event.detail)),
            _href(event, user_ids),
            *_look(event),
        )
        for event in events
    ]


def _look(event: AuditEvent) -> tuple[str, str]:
    if event.result == Result.REFUSED:
        return "warning", "warn"
    return _LOOKS.get(event.action.partition(".")[2], ("sliders", ""))


def _pieces(event: AuditEvent, token_names: Names) -> Iterator[Piece]:
    kind = TOKENS.get(event.object_kind)
    for part in sentence(event):
        if not part.is_object:
            yield Piece(part.text)
        elif kind is None:
            yield Piece(part.text, "name")
        else:
            if name := token_names.get(part.text):
                yield Piece(name, "name")
                yield Piece(" ")
            yield Piece(handle(part.text, kind).removesuffix("…"), "code")


def _pairs(detail: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """A filter as a pair for each criterion."""
    for name, value in detail.items():
        if name == "filter":
            yield from ((f"filter: {key}", str(each)) for key, each in json.loads(str(value)).items())
        else:
            yield LABELS.get(name) or name.replace("_", " "), _word(value)


def _word(value: object) -> str:
    if value is None:
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _href(event: AuditEvent, user_ids: Ids) -> str:
    if event.object_kind in TOKENS:
        return url_for("web_tokens.show_token", public_id=event.object_id)
    if event.object_kind == "user" and event.object_id in user_ids:
        return url_for("web_users.show_user", user_id=user_ids[event.object_id])
    if event.object_kind == "instance_setting":
        return url_for("web_settings.edit_setting", key=event.object_id)
    return ""
