"""The life that each client goes through: it begins, its access token ends in the middle, and at last it ends itself.

The first access token is short, so that all clocks are right: while it is minted, the end of its refresh token, which
no access token outlives, is put to some seconds from now.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from app.domain.clock import system_clock
from app.services import Services
from app.storage.database import Database
from app.storage.tables import RefreshTokenRow
from tests.clients.programs import BY_CLIENT, Program
from tests.drivers.conversing import Conversation
from tests.factories import OPERATOR, Refresh, issue, make_user, revoke

SHORT_SECONDS = 20
"""More than a library renews ahead of the end, and than a busy machine needs for a call."""


@dataclass(frozen=True)
class Instance:
    """The server that all clients have together. `issuer`: its public address."""

    issuer: str
    services: Services
    database: Database

    @property
    def resource(self) -> str:
        return f"{self.issuer}/api/v1/me"

    @contextmanager
    def short_lives(self, refresh: Refresh) -> Iterator[None]:
        """What is minted under that refresh token within lives no longer than to the end of the block."""
        over = time.monotonic() + SHORT_SECONDS + 1  # a token's seconds are whole
        self._end(refresh, timedelta(seconds=SHORT_SECONDS))
        yield
        self._end(refresh, timedelta(days=60))
        time.sleep(max(0, over - time.monotonic()))

    def _end(self, refresh: Refresh, after: timedelta) -> None:
        row = update(RefreshTokenRow).where(RefreshTokenRow.public_id == refresh.token.public_id)
        with self.database.transaction() as session:
            session.execute(row.values(expires_at=system_clock() + after))


@dataclass
class Life:
    """One client, with one grant and one way to authenticate. `told`: what is worth telling of it."""

    program: Program
    instance: Instance
    grant: str
    auth: str
    told: list[str]

    def __str__(self) -> str:
        return f"{self.program.title}, {self.grant} ({self.auth})"

    def live(self) -> None:
        """AssertionError where it goes wrong."""
        refresh = issue(self.instance.services, make_user(self.instance.services))
        with tempfile.TemporaryDirectory() as folder:
            place = self.program.language.place
            with Conversation([*self.program.run], Path(folder), cwd=place) as client:
                self._renews(client, refresh)
                self._knows_its_tokens(client, refresh)
                self._ends(client, refresh)

    def _renews(self, client: Conversation, refresh: Refresh) -> None:
        self._start(client, refresh)
        with self.instance.short_lives(refresh):
            first = self._call(client)
        second = self._call(client)
        assert second != first, "it went on with a token that has expired"
        assert self._call(client) == second, "it minted though its token was good"
        self.told.append("its access token expired: renewed")

    def _start(self, client: Conversation, refresh: Refresh) -> None:
        has_client = self.auth != "none"
        given = {
            "grant": self.grant,
            "auth": self.auth,
            "issuer": self.instance.issuer,
            "token_url": f"{self.instance.issuer}/oauth/token",
            "url": self.instance.resource,
            "client_id": refresh.token.public_id if has_client else "any",
            "client_secret": refresh.secret if has_client else "",
            "refresh_token": "" if self.grant == BY_CLIENT else refresh.secret,
        }
        started = client.do("start", **given)
        assert started.raised is None, started.raised
        assert (started.returned or given)["token_url"] == given["token_url"]

    def _call(self, client: Conversation) -> str:
        """The access token of a call that was answered 200."""
        called = client.do("call", url=self.instance.resource)
        assert called.raised is None, called.raised
        assert called.returned["status"] == 200, f"the API answered {called.returned['status']}"
        return str(called.returned["token"])

    def _knows_its_tokens(self, client: Conversation, refresh: Refresh) -> None:
        token = self._call(client)
        can_ask = self.auth != "none"
        if "introspect" in self.program.also and can_ask:
            said = client.do("introspect", token=token)
            assert said.raised is None, said.raised
            about: dict[str, Any] = said.returned
            assert (about["active"], about["client_id"]) == (True, refresh.token.public_id)
            assert about["sub"] == str(refresh.token.user_id)
            self.told.append("it introspected its access token")
        if "revoke" in self.program.also:
            assert client.do("revoke", token=token).raised is None
            self.told.append("it revoked its access token itself")
        else:
            self.instance.services.revoking.revoke(token.split("_")[1], "", OPERATOR)
        if "introspect" in self.program.also and can_ask:
            self._learns_that_it_ended(client, token)
        called = client.do("call", url=self.instance.resource)
        answer = called.raised["text"] if called.raised else called.returned["status"]
        self.told.append(
            f"its access token was revoked: {'renewed' if answer == 200 else f'{answer} until it expires'}"
        )

    def _learns_that_it_ended(self, client: Conversation, token: str) -> None:
        said = client.do("introspect", token=token)
        assert said.raised or said.returned["active"] is False  # Spring raises for it

    def _ends(self, client: Conversation, refresh: Refresh) -> None:
        revoke(self.instance.services, refresh)
        self._start(client, refresh)
        refused = client.do("call", url=self.instance.resource).raised
        assert refused is not None, "a revoked refresh token minted"
        self.told.append(f"its refresh token was revoked: {refused['text'].strip()}")
