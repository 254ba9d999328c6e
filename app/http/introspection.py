"""The members of an introspection (RFC 7662, section 2.2), from what ``app.services.introspecting`` knows of a token.

``name``, ``role`` and ``email`` are Daypass's own, ``unique_id`` is Alation's.
"""

from datetime import datetime
from typing import Any

from app.domain.identity import Principal, User
from app.domain.oauth_client import REFRESH_TOKEN
from app.domain.tokens import RefreshToken
from app.services.introspecting import Known

Members = dict[str, Any]

INACTIVE: Members = {"active": False}


def introspected(known: Known | None, issuer: str | None) -> Members:
    """The members; of a token that is not active only that. `issuer`: the public URL, if there is one.

    ``exp`` is missing where the token never expires, ``client_id`` where it has no refresh token.
    """
    if known is None:
        return INACTIVE
    members = _of_access_token(known) if isinstance(known, Principal) else _of_refresh_token(*known)
    members |= {"nbf": members["iat"], "iss": issuer, "unique_id": members["jti"]}
    return {name: value for name, value in members.items() if value is not None}


def _of_access_token(known: Principal) -> Members:
    return {
        "active": True,
        "token_type": "Bearer",
        "sub": str(known.user_id),
        "username": known.username,
        "iat": _seconds(known.token_created_at),
        "exp": known.token_expires_at and _seconds(known.token_expires_at),
        "jti": known.token_public_id,
        "name": known.token_name,
        "role": known.role,
        "email": known.email,
        "client_id": known.refresh_token_public_id,
    }


def _of_refresh_token(token: RefreshToken, owner: User) -> Members:
    """Its type is another: it cannot be sent as Bearer."""
    return {
        "active": True,
        "token_type": REFRESH_TOKEN,
        "sub": str(owner.id),
        "username": owner.username,
        "iat": _seconds(token.created_at),
        "exp": _seconds(token.expires_at),
        "jti": token.public_id,
        "name": token.name,
        "role": owner.role,
        "email": owner.email,
        "client_id": token.public_id,
    }


def _seconds(instant: datetime) -> int:
    """Whole seconds since 1970 (RFC 7519's NumericDate), rounded down."""
    return int(instant.timestamp())
