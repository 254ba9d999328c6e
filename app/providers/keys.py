"""The keys that a provider signs with, kept, and read anew for a key that is not known.

Not here: what is signed (``id_tokens``, ``logout_tokens``).
"""

import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

from app.domain.providers import ProviderRefused, Why
from app.providers.fetching import Exchange

KEPT_SECONDS = 3600
"""How long keys are used without being read again: a provider can withdraw one."""

AGAIN_SECONDS = 60
"""How often at most they are read again because a key is not known: anybody can send a token that names one."""

MOST_KEYS = 100

SMALLEST_RSA = 2048
"""Bits (RFC 7518, section 3.3)."""


class Keys:
    """The keys of one provider. `monotonic`: the clock of what is kept."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._keys: list[Key] = []

    def find(self, algorithm: str, key_id: str | None, url: str, exchange: Exchange) -> Key:
        """The key that a token names. `url`: the provider's ``jwks_uri``. Refuses with KEY, and as the exchange does.

        Without a name, the only one that fits (OpenID Connect Core 1.0, section 10.1).
        """
        with self._lock:
            age = None if self._read_at is None else self._monotonic() - self._read_at
            if age is None or age > KEPT_SECONDS:
                self._read(url, exchange)
                age = None
            found = self._fitting(algorithm, key_id)
            if not found and age is not None and age > AGAIN_SECONDS:
                self._read(url, exchange)
                found = self._fitting(algorithm, key_id)
        if not found or (key_id is None and len(found) > 1):
            raise ProviderRefused(Why.KEY)
        return found[0]

    def _read(self, url: str, exchange: Exchange) -> None:
        answer = exchange.get(url)
        listed = answer.body.get("keys")
        if answer.status != 200 or not isinstance(listed, list) or len(listed) > MOST_KEYS:
            raise ProviderRefused(Why.ANSWER, "keys")
        self._keys = [key for each in listed if (key := _public_key(each)) is not None]
        self._read_at = self._monotonic()

    def _fitting(self, algorithm: str, key_id: str | None) -> list[Key]:
        named = [key for key in self._keys if key_id is None or key.kid == key_id]
        return [key for key in named if _fits(key, algorithm)]


def _public_key(member: Any) -> Key | None:
    """None for one that is not understood, is no public key, or is too weak: others may be of use."""
    if not isinstance(member, dict) or member.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if member.get("use", "sig") != "sig":
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # said of small keys, which are left out
            key = JWKRegistry.import_key(member)
            public: Any = key.raw_value
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if member["kty"] == "RSA" and public.key_size < SMALLEST_RSA else key


def _fits(key: Key, algorithm: str) -> bool:
    designed = key.get("alg")
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
    except JoseError:
        return False
    return designed is None or designed == algorithm
