"""Keys and signed tokens of the tests' own OpenID provider (``provider_server``), the forged ones included.

Put together by hand: libraries rightly refuse to make forgeries.
"""

import base64
import hashlib
import hmac
import json
import threading
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey

from app.domain.clock import system_clock

Claims = dict[str, Any]

LIFETIME_SECONDS = 300

IN = "in"
"""``{"in": -60}`` as the value of a claim: a minute ago, in seconds since 1970."""


_keys: dict[str, RSAKey] = {}
_making = threading.Lock()


def key_of(owner: str) -> RSAKey:
    """The key pair with that name; made when it is first used, once."""
    with _making:
        if owner not in _keys:
            _keys[owner] = RSAKey.generate_key(2048, {"kid": f"key-of-{owner}", "use": "sig", "alg": "RS256"})
        return _keys[owner]


def key_set(owner: str) -> Claims:
    """What the keys endpoint publishes (RFC 7517)."""
    return {"keys": [key_of(owner).as_dict(private=False)]}


def changed(honest: Claims, changes: Claims) -> Claims:
    """`honest` with these values; None takes one away, and ``{"in": seconds}`` is that far from now."""
    timed = {name: now() + value[IN] if _is_relative(value) else value for name, value in changes.items()}
    return {name: value for name, value in (honest | timed).items() if value is not None}


def now() -> int:
    """Seconds since 1970."""
    return int(system_clock().timestamp())


def _is_relative(value: object) -> bool:
    return isinstance(value, dict) and list(value) == [IN]


def half_hash(text: str) -> str:
    """`at_hash` of an access token under RS256 (OpenID Connect Core, section 3.1.3.6)."""
    return _encoded(hashlib.sha256(text.encode()).digest()[:16])


def sign(owner: str, claims: Claims, header: Claims, signed_by: str = "key") -> str:
    """A compact JWS. `signed_by`: "key" of the owner; "nobody"; "public key" as the secret of an HMAC; "stranger"."""
    if signed_by == "nobody":
        return f"{_part(changed({'alg': 'none'}, header))}.{_part(claims)}."
    if signed_by == "public key":
        signed = f"{_part(changed({'alg': 'HS256', 'kid': key_of(owner).kid}, header))}.{_part(claims)}"
        secret = key_of(owner).as_pem(private=False)
        return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"
    key = key_of("stranger" if signed_by == "stranger" else owner).private_key
    assert key is not None
    signed = f"{_part(changed({'alg': 'RS256', 'kid': key_of(owner).kid}, header))}.{_part(claims)}"
    return f"{signed}.{_encoded(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _part(value: Claims) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
