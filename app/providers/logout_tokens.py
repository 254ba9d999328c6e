"""The judgement of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6)."""

from datetime import datetime
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from app.domain.providers import LoggedOut, Provider, ProviderRefused, Why
from app.providers.signed import LEEWAY_SECONDS, Signed

EVENT = "http://schemas.openid.net/event/backchannel-logout"

OLDEST_SECONDS = 600
"""Since a token was issued. It is remembered for longer, so that each counts once."""

LONGEST_ID = 255


def judge(signed: Signed, provider: Provider, now: datetime) -> LoggedOut:
    """Refuses with the member of :class:`Why` for the claim that is wrong or missing."""
    claims = signed.claims
    registry = JWTClaimsRegistry(
        int(now.timestamp()),
        LEEWAY_SECONDS,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        iat={"essential": True},
        jti={"essential": True},
    )
    try:
        registry.validate(claims)
    except (JoseError, ValueError, TypeError, OverflowError) as error:
        raise ProviderRefused(Why.CLAIM, str(getattr(error, "claim", ""))[:40]) from None
    if claims["iat"] < now.timestamp() - OLDEST_SECONDS:
        raise ProviderRefused(Why.EXPIRED, "iat")
    events: Any = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise ProviderRefused(Why.CLAIM, "events")
    if "nonce" in claims:  # so that no ID token is taken for one
        raise ProviderRefused(Why.CLAIM, "nonce")
    subject, session = (_text(claims, name) for name in ("sub", "sid"))
    if subject is None and session is None:
        raise ProviderRefused(Why.CLAIM, "sub")
    return LoggedOut(provider.issuer, claims["jti"], subject, session)


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or not value.isprintable():
        raise ProviderRefused(Why.CLAIM, name)
    return value
