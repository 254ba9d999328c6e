"""Bodies of the route that checks many tokens at once."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Length

from app.api.native.fields import MESSAGES, Instant, Strict
from app.domain.clock import utc_text
from app.domain.identity import Principal
from app.services.batch_verifying import Verdict

MOST = 1_000

LIST_MESSAGES = MESSAGES | {"invalid": "is not a list"}


class Batch(Strict):
    """Any text is taken: of one that is no token, the verdict says so."""

    tokens = fields.List(
        fields.String(error_messages=MESSAGES),
        required=True,
        validate=Length(1, MOST, error="has {min} to {max} texts"),
        error_messages=LIST_MESSAGES,
        metadata={"description": "1 to 1,000 texts of access tokens."},
    )


class VerdictOut(Schema):
    """``accepted`` and who the token's owner is, or ``reason``: the same word as ``/auth/verify`` has, and ``hint``
    where a mistake in the text is recognised. ``public_id``: of an accepted token, and of a refused one that exists."""

    accepted = fields.Boolean()
    public_id = fields.String()
    kind = fields.String()
    name = fields.String()
    created_at = Instant()
    expires_at = Instant(allow_none=True)
    user_id = fields.Integer()
    username = fields.String()
    email = fields.String()
    role = fields.String()
    reason = fields.String()
    hint = fields.String()


class BatchOut(Schema):
    results = fields.List(
        fields.Nested(VerdictOut), metadata={"description": "One for each text, in the order of the request."}
    )


def verdict_members(verdict: Verdict) -> dict[str, Any]:
    """The members of :class:`VerdictOut`, made here: the schema takes ten times as long for each."""
    if isinstance(verdict, Principal):
        return _accepted(verdict)
    known = {"public_id": getattr(verdict, "public_id", None), "hint": verdict.hint}
    return {"accepted": False, "reason": verdict.reason} | {name: text for name, text in known.items() if text}


def _accepted(known: Principal) -> dict[str, Any]:
    return {
        "accepted": True,
        "public_id": known.token_public_id,
        "kind": known.token_kind,
        "name": known.token_name,
        "created_at": utc_text(known.token_created_at, "microseconds"),
        "expires_at": known.token_expires_at and utc_text(known.token_expires_at, "microseconds"),
        "user_id": known.user_id,
        "username": known.username,
        "email": known.email,
        "role": known.role,
    }
