"""Daypass as a client of one provider: where a sign-in and a sign-out lead, and what came back, judged.

Not here: which browser a sign-in belongs to (``app.services.single_sign_on``).
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.domain.clock import Clock
from app.domain.providers import Attempt, LoggedOut, Provider, ProviderRefused, Why
from app.domain.sign_ins import ProvidedPerson
from app.providers import id_tokens, logout_tokens, people, signed
from app.providers.discovery import Discovery, Metadata
from app.providers.fetching import Answer, Exchange, Fetching
from app.providers.keys import Keys

ERROR_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""As all that are registered are (RFC 6749, section 11.4): anybody can send a browser back with another."""

ACCESS_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What a header can hold (RFC 6749, appendix A.12, without spaces)."""

LONGEST_CODE = 4096
LONGEST_HINT = 6000
"""Characters of an ID token in an address, which servers limit to about 8,000."""


class RelyingParty:
    """One client of one provider. All methods refuse with :class:`ProviderRefused`."""

    def __init__(self, provider: Provider, fetching: Fetching, clock: Clock) -> None:
        self.provider = provider
        self._fetching = fetching
        self._clock = clock
        self._discovery = Discovery(provider.issuer)
        self._keys = Keys()

    def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in."""
        with self._fetching.exchange() as exchange:
            metadata = self._discovery.metadata(exchange)
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": attempt.redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        # Of the two, some providers obey only one.
        fresh = {"prompt": "login", "max_age": "0"} if attempt.is_fresh else {}
        return _with_query(metadata.authorization_endpoint, asked | fresh)

    def person(self, answer: Mapping[str, str], attempt: Attempt) -> ProvidedPerson:
        """Who signed in, by the parameters of the callback."""
        with self._fetching.exchange() as exchange:
            metadata = self._discovery.metadata(exchange)
            self._refuse_other_issuer(metadata, answer.get("iss"))
            tokens = self._redeem(metadata, _code_of(answer), attempt, exchange)
            access_token = _access_token(tokens)
            found = signed.verify(tokens.get("id_token"), metadata, self._keys, exchange)
            claims = id_tokens.judge(found, self.provider, attempt.nonce, access_token, self._clock())
            claims = self._with_user_info(claims, metadata, access_token, exchange)
        return people.person_of(self.provider, claims, tokens["id_token"])

    def logout_url(self, id_token: str | None, return_to: str) -> str | None:
        """Where the browser goes to sign out there too (OpenID Connect RP-Initiated Logout 1.0); None for nowhere."""
        with self._fetching.exchange() as exchange:
            metadata = self._discovery.metadata(exchange)
        if metadata.end_session_endpoint is None:
            return None
        asked = {"client_id": self.provider.client_id, "post_logout_redirect_uri": return_to}
        if id_token is not None and len(id_token) <= LONGEST_HINT:
            asked["id_token_hint"] = id_token
        return _with_query(metadata.end_session_endpoint, asked)

    def is_named_in(self, logout_token: str) -> bool:
        """Whether the token says that it is of this provider, which is not asked for anything to know that."""
        return len(logout_token) <= signed.LONGEST and signed.issuer_in(logout_token) == self.provider.issuer

    def logged_out(self, logout_token: str) -> LoggedOut:
        """Whom the provider signed out. Refuses with ISSUER a token that is another's, without asking anybody."""
        if not self.is_named_in(logout_token):
            raise ProviderRefused(Why.ISSUER)
        with self._fetching.exchange() as exchange:
            metadata = self._discovery.metadata(exchange)
            found = signed.verify(logout_token, metadata, self._keys, exchange)
        return logout_tokens.judge(found, self.provider, self._clock())

    def _refuse_other_issuer(self, metadata: Metadata, issuer: str | None) -> None:
        """By RFC 9207, against a mix-up: of an error too, and before the code goes anywhere."""
        if issuer != self.provider.issuer and (issuer is not None or metadata.sends_issuer):
            raise ProviderRefused(Why.MIX_UP)

    def _redeem(self, metadata: Metadata, code: str, attempt: Attempt, exchange: Exchange) -> dict[str, Any]:
        """The tokens for the code (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        credentials, headers = self._credentials(metadata)
        answer = exchange.post(metadata.token_endpoint, form | credentials, headers)
        if answer.status >= 500:
            raise ProviderRefused(Why.AWAY, f"status {answer.status}")
        if answer.status != 200:
            raise ProviderRefused(Why.CODE, _word(answer.body.get("error")) or f"status {answer.status}")
        return answer.body

    def _credentials(self, metadata: Metadata) -> tuple[dict[str, str], dict[str, str]]:
        """Members and headers by which the client authenticates itself (RFC 6749, section 2.3.1)."""
        name, secret = self.provider.client_id, self.provider.client_secret
        if not secret:
            return {"client_id": name}, {}
        methods = metadata.token_auth_methods
        if "client_secret_basic" not in methods and "client_secret_post" in methods:
            return {"client_id": name, "client_secret": secret}, {}
        pair = f"{quote_plus(name)}:{quote_plus(secret)}".encode()
        return {}, {"Authorization": f"Basic {b64encode(pair).decode()}"}

    def _with_user_info(
        self, claims: dict[str, Any], metadata: Metadata, access_token: str, exchange: Exchange
    ) -> dict[str, Any]:
        """The claims, with those that the ID token lacks (OpenID Connect Core 1.0, section 5.3)."""
        missing = people.missing_claims(self.provider, claims)
        if not missing or metadata.userinfo_endpoint is None:
            return claims
        answer = exchange.get(metadata.userinfo_endpoint, {"Authorization": f"Bearer {access_token}"})
        _refuse_useless(answer)
        if answer.body.get("sub") != claims["sub"]:
            raise ProviderRefused(Why.SUBJECT)
        kept = {name: value for name, value in claims.items() if name not in missing}
        return kept | {name: answer.body[name] for name in missing if name in answer.body}


def _access_token(tokens: dict[str, Any]) -> str:
    found = tokens.get("access_token")
    is_bearer = str(tokens.get("token_type")).lower() == "bearer"
    if not is_bearer or not isinstance(found, str) or not ACCESS_TOKEN.fullmatch(found):
        raise ProviderRefused(Why.ANSWER, "access_token")
    return found


def _refuse_useless(user_info: Answer) -> None:
    if user_info.status != 200:
        raise ProviderRefused(Why.AWAY if user_info.status >= 500 else Why.ANSWER, f"userinfo {user_info.status}")


def _code_of(answer: Mapping[str, str]) -> str:
    if "error" in answer:
        word = _word(answer["error"])
        raise ProviderRefused(Why.DENIED if word == "access_denied" else Why.ERROR, word)
    code = answer.get("code", "")
    if not 0 < len(code) <= LONGEST_CODE:
        raise ProviderRefused(Why.ERROR, "no code")
    return code


def _word(error: Any) -> str:
    """An error's code, if it is one: it goes to the audit log."""
    return error if isinstance(error, str) and ERROR_WORD.fullmatch(error) else ""


def _with_query(endpoint: str, asked: Mapping[str, str]) -> str:
    """An endpoint can have a query of its own, which stays (RFC 6749, section 3.1)."""
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"
