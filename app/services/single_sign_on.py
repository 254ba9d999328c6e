"""A sign-in with an OpenID provider: begun in a browser, finished in the same, each at most once.

What belongs to a sign-in is kept encrypted in the browser that began it, and is of no use without the `state` that the
provider sends back. Not here: the judgement of answers (``app.providers``), whose account a person's is (``joining``),
and how the provider ends sessions (``provider_logout``).
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app.domain.audit import PROVIDER_REFUSED
from app.domain.clock import Clock
from app.domain.errors import NotFound, SignInRefused
from app.domain.identity import Caller
from app.domain.providers import Attempt, Provider, ProviderRefused, Why
from app.domain.seals import Seal
from app.domain.sessions import WebSession
from app.domain.sign_ins import ProvidedPerson
from app.services.joining import Joining
from app.services.sightings import Sightings
from app.storage import single_uses
from app.storage.database import Database

if TYPE_CHECKING:
    from app.providers.relying_party import RelyingParty
    from app.services.encryption import Encryption

KEPT_FOR = timedelta(minutes=10)
"""How long a person may take at the provider."""

USED = "used before"
"""For the audit log."""

RANDOM_BYTES = 32
"""In hexadecimal digits, of which a PKCE verifier may have 43 to 128 (RFC 7636, section 4.1)."""


@dataclass(frozen=True)
class Begun:
    """`url`: where the browser goes; `kept`: what it keeps meanwhile, under the name of the `state`."""

    url: str
    state: str
    kept: str = field(repr=False)


@dataclass(frozen=True)
class Finished:
    """`cookie`: of the session that began, or goes on; `target`: where the person wanted to go."""

    cookie: str = field(repr=False)
    target: str


class SingleSignOn:
    """Signs people in with providers. `parties`: by the provider's name. `key`: a secret of the instance."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        joining: Joining,
        sightings: Sightings,
        parties: Mapping[str, "RelyingParty"],
        key: bytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._joining = joining
        self._sightings = sightings
        self._parties = parties
        self._key = key
        self._states = Seal(key, "state")

    @cached_property
    def _encryption(self) -> "Encryption":
        from app.services.encryption import Encryption  # large, and needed only where there are providers

        return Encryption(self._key, "sign-in with a provider")

    @property
    def providers(self) -> list[Provider]:
        """In the order of their names."""
        return [each.provider for each in self._parties.values()]

    def provider(self, name: str) -> Provider:
        """Refuses with NotFound."""
        return self._party(name).provider

    def provider_of(self, known: WebSession) -> Provider | None:
        """The provider that a session began with, while it is configured."""
        hint = self._joining.logout_hint(known)
        party = None if hint is None else self._parties.get(hint.provider)
        if hint is None or party is None or party.provider.issuer != hint.issuer:
            return None
        return party.provider

    def begin(
        self, name: str, target: str, redirect_uri: str, caller: Caller, known: WebSession | None = None
    ) -> Begun:
        """Begin a sign-in; with `known`, one that proves anew who the person of that session is.

        Refuses with NotFound and ProviderRefused.
        """
        party = self._party(name)
        state, nonce, verifier = (secrets.token_hex(RANDOM_BYTES) for _ in range(3))
        attempt = Attempt(state, nonce, verifier, redirect_uri, known is not None)
        try:
            url = party.authorization_url(attempt)
        except ProviderRefused as refusal:
            self._note(name, refusal, caller)
            raise
        kept = {
            "provider": name, "nonce": nonce, "verifier": verifier, "redirect_uri": redirect_uri,
            "target": target, "begun_at": self._clock().timestamp(), "session": known.id if known else None,
        }  # fmt: skip
        return Begun(url, state, self._encryption.encrypt(json.dumps(kept), state))

    def finish(
        self,
        name: str,
        answer: Mapping[str, str],
        kept: str | None,
        caller: Caller,
        before: str | None,
        user_agent: str | None,
        known: WebSession | None,
    ) -> Finished:
        """Finish a sign-in with the parameters that the provider sent the browser back with.

        `kept`: what the browser kept under their `state`; `before`: the cookie of its session, `known`. Refuses with
        ProviderRefused and SignInRefused, which are in the audit log, and with NotFound, SessionEnded and Unavailable.
        """
        party, person = self._party(name), None
        try:
            attempt, target, session_id = self._begun(name, answer.get("state", ""), kept)
            person = party.person(answer, attempt)
            self._use_up(attempt.state)
            if session_id is None:
                return Finished(self._joining.sign_in(person, caller, before, user_agent), target)
            if known is None or known.id != session_id:
                raise ProviderRefused(Why.NOT_BEGUN, "session ended")
            return Finished(self._joining.prove(known, person, caller), target)
        except (ProviderRefused, SignInRefused) as refusal:
            self._note(name, refusal, caller, person)
            raise

    def target_of(self, state: str, kept: str | None) -> str:
        """Where the person of a sign-in wanted to go; empty where nothing was kept."""
        begun = self._read(state, kept)
        return "" if begun is None else str(begun["target"])

    def _begun(self, name: str, state: str, kept: str | None) -> tuple[Attempt, str, int | None]:
        """What the browser kept: the attempt, where the person wanted to go, and the session to prove for.

        Refuses with NOT_BEGUN what this browser did not begin here, and lately, or is noted as used.
        """
        begun = self._read(state, kept)
        if begun is None or begun["provider"] != name or not self._is_recent(begun["begun_at"]):
            raise ProviderRefused(Why.NOT_BEGUN)
        with self._database.reading() as session:
            if single_uses.was_used(session, self._states.of(state)):
                raise ProviderRefused(Why.NOT_BEGUN, USED)
        session_id = begun["session"]
        attempt = Attempt(state, begun["nonce"], begun["verifier"], begun["redirect_uri"], session_id is not None)
        return attempt, begun["target"], session_id

    def _use_up(self, state: str) -> None:
        """Refuse with NOT_BEGUN all uses but the first.

        Noted once the provider's answer is accepted, and before it counts: else anybody could fill the table.
        """
        with self._database.transaction() as session:
            if not single_uses.use(session, self._states.of(state), self._clock()):
                raise ProviderRefused(Why.NOT_BEGUN, USED)

    def _read(self, state: str, kept: str | None) -> dict[str, Any] | None:
        text = None if kept is None else self._encryption.decrypt(kept, state)
        return None if text is None else dict(json.loads(text))

    def _is_recent(self, begun_at: float) -> bool:
        """Within ten minutes, before or after: a clock can be set in between."""
        return abs(self._clock() - datetime.fromtimestamp(begun_at, self._clock().tzinfo)) < KEPT_FOR

    def _party(self, name: str) -> "RelyingParty":
        if name not in self._parties:
            raise NotFound("provider")
        return self._parties[name]

    def _note(
        self, name: str, refusal: ProviderRefused | SignInRefused, caller: Caller, person: ProvidedPerson | None = None
    ) -> None:
        """`person`: where the answer was accepted, but not whom it names."""
        detail = {"reason": refusal.why} if isinstance(refusal, SignInRefused) else {"reason": refusal.why.word}
        if isinstance(refusal, ProviderRefused) and refusal.detail:
            detail["detail"] = refusal.detail
        if person is not None:
            detail["person"] = person.subject
        subject = ("provider", name)
        self._sightings.note(PROVIDER_REFUSED, subject, caller, apart=caller.request_id or "", **detail)
