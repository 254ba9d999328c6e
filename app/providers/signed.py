"""Tokens that a provider signs: whether the signature is its own, by an algorithm that it announces and that is safe.

Not here: what the claims have to be (``id_tokens``, ``logout_tokens``).
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jws import JWSRegistry

from app.domain.providers import ProviderRefused, Why
from app.providers.discovery import Metadata
from app.providers.fetching import Exchange
from app.providers.keys import Keys

LEEWAY_SECONDS = 60
"""How much the clocks of a provider and of this host may differ."""

LONGEST = 64 * 1024

ASYMMETRIC = re.compile(r"(RS|PS|ES)(256|384|512)|EdDSA|Ed25519")
"""Never ``none``, and never HS…, whose key is a secret that both know: it would be the client's, or a public key."""


@dataclass(frozen=True)
class Signed:
    """What a signed token holds; nothing of it has been judged but its signature."""

    header: dict[str, Any]
    claims: dict[str, Any]


def verify(token: object, metadata: Metadata, keys: Keys, exchange: Exchange) -> Signed:
    """Refuses with TOKEN, ALGORITHM, KEY and SIGNATURE, and as the exchange does."""
    if not isinstance(token, str) or len(token) > LONGEST or not token.isascii():
        raise ProviderRefused(Why.TOKEN)
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError):
        raise ProviderRefused(Why.TOKEN) from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in _allowed(metadata):
        is_known = isinstance(algorithm, str) and algorithm in JWSRegistry.algorithms
        raise ProviderRefused(Why.ALGORITHM, str(algorithm) if is_known else "")
    if key_id is not None and not isinstance(key_id, str):
        raise ProviderRefused(Why.TOKEN)
    key = keys.find(algorithm, key_id, metadata.jwks_uri, exchange)
    # Unknown members of a header are to be ignored (RFC 7515, section 4), but for critical ones.
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    try:
        found = jwt.decode(token, key, registry=registry)
    except BadSignatureError:
        raise ProviderRefused(Why.SIGNATURE) from None
    except (JoseError, ValueError, TypeError, RecursionError):
        raise ProviderRefused(Why.TOKEN) from None
    return Signed(dict(found.header), found.claims)


def issuer_in(token: str) -> object:
    """Whom a token names as its issuer, not verified: to ask no provider about the tokens of others. None for none."""
    try:
        return json.loads(jws.extract_compact(token.encode()).payload).get("iss")
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _allowed(metadata: Metadata) -> set[str]:
    """What the provider announces, is asymmetric, and has no warning of joserfc's."""
    known = JWSRegistry.algorithms
    return {
        name
        for name in metadata.algorithms
        if ASYMMETRIC.fullmatch(name) and name in known and not known[name].security_warning
    }
