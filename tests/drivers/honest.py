"""Honest clients: what each of them holds, and the requests that it may send."""

import json
from dataclasses import dataclass

from app.domain.identity import Role
from app.services import Services
from tests.drivers.crowd import Question
from tests.factories import configure, issue, make_user, mint

CONNECTIONS = 64
LONG_NAME, LONG_NAMES = "🔑" * 255, 80
"""Three kilobytes each in JSON, which escapes it."""

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Honest:
    """What the clients hold: an access token of each, its user's id, a refresh token to mint from, an introspector.

    `reader`: an access token whose owner's list of tokens is several hundred kilobytes of JSON; empty unless asked for.
    """

    introspector: str
    accesses: list[str]
    refreshes: list[tuple[str, int]]
    reader: str = ""

    @classmethod
    def of(cls, services: Services, clients: int = CONNECTIONS, *, with_reader: bool = False) -> "Honest":
        configure(services, mints_per_hour=1_000_000, mints_per_hour_per_user=1_000_000)  # they mint without pause
        users = [make_user(services) for _ in range(clients)]
        accesses = [mint(services, issue(services, user)).secret for user in users]
        # Minting replaces the access token of the same refresh token: those that mint have one of their own.
        refreshes = [(issue(services, user).secret, user.id) for user in users]
        apis = make_user(services, role=Role.INTROSPECTOR)
        reader = _reader(services) if with_reader else ""
        return cls(mint(services, issue(services, apis)).secret, accesses, refreshes, reader)

    def questions(self, kind: str) -> list[list[Question]]:
        """For each client; `kind` is one of :data:`KINDS`."""
        return [[self._question(kind, client)] for client in range(len(self.accesses))]

    def _question(self, kind: str, client: int) -> Question:
        access, refresh, shared = self.accesses[client], self.refreshes[client], self.refreshes[0]
        match kind:
            case "introspect":
                headers = FORM | {"Authorization": f"Bearer {self.introspector}"}
                return Question.of(kind, "POST", "/oauth/introspect", headers, f"token={access}".encode())
            case "mint":
                return self._alation(kind, "createAPIAccessToken", refresh)
            case "mint, one shared":
                return self._alation(kind, "createAPIAccessToken", shared)
            case "validate":
                return self._alation(kind, "validateRefreshToken", refresh)
            case "userinfo":
                return Question.of(kind, "GET", "/integration/v1/userinfo/", {"TOKEN": access})
            case "native list":
                return Question.of(kind, "GET", "/api/v1/me/tokens", {"Authorization": f"Bearer {access}"})
        assert kind == "verify"
        return Question.of(kind, "GET", "/auth/verify", {"TOKEN": access})

    def _alation(self, kind: str, endpoint: str, refresh: tuple[str, int]) -> Question:
        body = json.dumps(dict(zip(("refresh_token", "user_id"), refresh, strict=True))).encode()
        return Question.of(kind, "POST", f"/integration/v1/{endpoint}/", JSON, body)


def _reader(services: Services) -> str:
    user = make_user(services)
    held = [issue(services, user, LONG_NAME) for _ in range(LONG_NAMES)]
    return mint(services, held[0]).secret


KINDS = ("introspect", "mint", "mint, one shared", "validate", "userinfo", "native list", "verify")
