"""Signing out with the provider: where a sign-out leads, and sessions that the provider ends (back-channel logout)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.audit import LOGOUT_REFUSED
from app.domain.clock import Clock
from app.domain.identity import Caller
from app.domain.providers import LoggedOut, ProviderRefused, Why
from app.domain.seals import Seal
from app.domain.sessions import WebSession
from app.services.joining import Joining, LogoutHint
from app.services.refused_sign_ins import UNKNOWN
from app.services.sightings import Sightings
from app.storage import provider_sessions, single_uses, users
from app.storage.audit import record
from app.storage.database import Database

if TYPE_CHECKING:
    from app.providers.relying_party import RelyingParty

ENDED = "sessions.ended_by_provider"


class ProviderLogout:
    """`parties`: by the provider's name. `key`: a secret of the instance."""

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
        self._tokens = Seal(key, "logout token")

    def hint(self, known: WebSession) -> LogoutHint | None:
        """What signing out with the provider needs to know of a session, before that ends; None where there is none."""
        return self._joining.logout_hint(known)

    def onward(self, hint: LogoutHint, return_to: str) -> tuple[str, str] | None:
        """The label of the provider, and the address of its sign-out.

        None where it has none, is not configured any more, or does not say now: then the sign-out here is all.
        """
        party = self._parties.get(hint.provider)
        if party is None or party.provider.issuer != hint.issuer:
            return None
        try:
            url = party.logout_url(hint.id_token, return_to)
        except ProviderRefused:
            return None
        return None if url is None else (party.provider.label, url)

    def end_by_provider(self, logout_token: str, caller: Caller) -> int:
        """End the sessions that a provider names in a logout token; how many.

        Refuses with ProviderRefused; that is in the audit log.
        """
        # Of the others nothing is asked, because anybody can send a token.
        named = [name for name, party in self._parties.items() if party.is_named_in(logout_token)]
        try:
            return self._end(*self._judge(named, logout_token), caller)
        except ProviderRefused as refusal:
            detail = {"reason": refusal.why.word} | ({"detail": refusal.detail} if refusal.detail else {})
            subject = ("provider", next(iter(named), UNKNOWN))
            self._sightings.note(LOGOUT_REFUSED, subject, caller, apart=caller.request_id or "", **detail)
            raise

    def _judge(self, named: list[str], logout_token: str) -> tuple[str, LoggedOut]:
        """By the one that accepts it: several can be clients of one issuer."""
        refusal = ProviderRefused(Why.ISSUER)
        for name in named:
            try:
                return name, self._parties[name].logged_out(logout_token)
            except ProviderRefused as refused:
                refusal = refused
        raise refusal

    def _end(self, name: str, logged_out: LoggedOut, caller: Caller) -> int:
        provider = replace(caller, name=f"provider:{name}")
        with self._database.transaction() as session:
            now = self._clock()
            if not single_uses.use(session, self._tokens.of(logged_out.issuer, logged_out.id), now):
                raise ProviderRefused(Why.NOT_BEGUN, "used before")
            # What is made in a session locks its user too, and looks whether it has ended.
            owners = users.lock_several(session, provider_sessions.owners(session, logged_out))
            ended = {row.username: provider_sessions.end(session, row.id, logged_out) for row in owners.values()}
            for username, number in ended.items():
                if number:
                    record(session, now, provider, ENDED, ("user", username), sessions=number)
        return sum(ended.values())
