"""The judgement of an ID token (OpenID Connect Core 1.0, section 3.1.3.7), by Authlib and joserfc."""

from datetime import datetime
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError

from app.domain.providers import Provider, ProviderRefused, Why
from app.providers.signed import LEEWAY_SECONDS, Signed

LONGEST_SUBJECT = 255
"""Characters, all ASCII (section 2)."""

BY_CLAIM = {
    "iss": Why.ISSUER,
    "aud": Why.AUDIENCE,
    "azp": Why.PARTY,
    "nonce": Why.NONCE,
    "at_hash": Why.ACCESS_TOKEN_HASH,
    "exp": Why.EXPIRED,
    "nbf": Why.NOT_YET,
    "iat": Why.NOT_YET,
}


def judge(signed: Signed, provider: Provider, nonce: str, access_token: str, now: datetime) -> dict[str, Any]:
    """The claims of an ID token whose signature is verified. `nonce`: that of this sign-in.

    Refuses with the member of :class:`Why` for the claim that is wrong or missing.
    """
    expected = {"iss": provider.issuer, "aud": provider.client_id}
    options: Any = {name: {"essential": True, "value": value} for name, value in expected.items()}
    params = {"nonce": nonce, "client_id": provider.client_id, "access_token": access_token}
    token = CodeIDToken(signed.claims, signed.header, options, params)
    try:
        token.validate(int(now.timestamp()), LEEWAY_SECONDS)
    except ExpiredTokenError:
        raise ProviderRefused(Why.EXPIRED) from None
    except ClaimError as error:
        raise ProviderRefused(BY_CLAIM.get(error.claim, Why.CLAIM), error.claim[:40]) from None
    except (JoseError, ValueError, TypeError, OverflowError):
        raise ProviderRefused(Why.CLAIM) from None
    subject = signed.claims["sub"]
    if not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isascii() or not subject.isprintable():
        raise ProviderRefused(Why.CLAIM, "sub")
    if subject != subject.strip():  # nobody could name that person to link or unlink them
        raise ProviderRefused(Why.CLAIM, "sub")
    return signed.claims
