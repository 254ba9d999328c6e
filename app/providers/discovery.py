"""What a provider publishes about itself (OpenID Connect Discovery 1.0), read anew once an hour."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.domain.providers import ProviderRefused, Why
from app.providers.fetching import Exchange

PATH = "/.well-known/openid-configuration"

KEPT_SECONDS = 3600
"""How long what was read counts."""

LONGEST_URL = 2000

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Metadata:
    """The members that are used. `sends_issuer`: whether it announces the parameter ``iss`` of RFC 9207."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: tuple[str, ...]
    token_auth_methods: tuple[str, ...]
    sends_issuer: bool


class Discovery:
    """The metadata of one issuer. `monotonic`: the clock of what is kept."""

    def __init__(self, issuer: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: tuple[float, Metadata] | None = None

    def metadata(self, exchange: Exchange) -> Metadata:
        """Refuses with DISCOVERY, and as the exchange does; what was read within the hour is used without asking."""
        with self._lock:
            if self._known is None or self._monotonic() - self._known[0] > KEPT_SECONDS:
                answer = exchange.get(self._issuer.rstrip("/") + PATH)
                if answer.status != 200:
                    raise ProviderRefused(
                        Why.AWAY if answer.status >= 500 else Why.DISCOVERY, f"status {answer.status}"
                    )
                self._known = (self._monotonic(), parse(answer.body, self._issuer))
            return self._known[1]


def parse(document: dict[str, Any], issuer: str) -> Metadata:
    """Refuses with DISCOVERY, naming the member, what is missing, of another issuer, or without TLS.

    Sources: OpenID Connect Discovery 1.0, sections 3 and 4.3; RFC 8414, section 2; RFC 9207, section 3.
    """
    if document.get("issuer") != issuer:
        raise ProviderRefused(Why.DISCOVERY, "issuer")

    def endpoint(member: str) -> str:
        url = document.get(member)
        if not isinstance(url, str) or not _is_safe(url, issuer):
            raise ProviderRefused(Why.DISCOVERY, member)
        return url

    def endpoint_if_any(member: str) -> str | None:
        return None if document.get(member) in (None, "") else endpoint(member)

    return Metadata(
        authorization_endpoint=endpoint("authorization_endpoint"),
        token_endpoint=endpoint("token_endpoint"),
        jwks_uri=endpoint("jwks_uri"),
        userinfo_endpoint=endpoint_if_any("userinfo_endpoint"),
        end_session_endpoint=endpoint_if_any("end_session_endpoint"),
        # The defaults are those of the specifications.
        algorithms=_words(document, "id_token_signing_alg_values_supported", ("RS256",)),
        token_auth_methods=_words(document, "token_endpoint_auth_methods_supported", ("client_secret_basic",)),
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _words(document: dict[str, Any], member: str, default: tuple[str, ...]) -> tuple[str, ...]:
    found = document.get(member)
    if found is None:
        return default
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ProviderRefused(Why.DISCOVERY, member)
    return tuple(found)


def _is_safe(url: str, issuer: str) -> bool:
    """Over TLS; without it only on this machine, and only for a provider that is itself there."""
    try:
        parts, own = urlsplit(url), urlsplit(issuer)
        port = parts.port
    except ValueError:
        return False
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.fragment or port == 0:
        return False
    is_local = all(_is_loopback(each.hostname) and each.scheme == "http" for each in (parts, own))
    return parts.scheme == "https" or is_local


def _is_loopback(host: str | None) -> bool:
    return host in LOOPBACK or (host or "").endswith(".localhost")
