"""The Trifacta dialect as a client speaks it, over any HTTP session: the services' verbs, one call each."""

from dataclasses import dataclass
from typing import Self

import requests

from tests.secrecy import PASSWORD_MARK

TOKENS = "/v4/apiAccessTokens"


@dataclass
class Trifacta:
    """A client of one server, signed in by its session. Every verb returns the whole response; nothing is checked."""

    url: str
    session: requests.Session

    @classmethod
    def with_password(cls, url: str, username: str, password: str, session: requests.Session | None = None) -> Self:
        """A client that sends HTTP Basic with every call; by a session of its own, if it is given none."""
        assert password.startswith(PASSWORD_MARK), "so that it is recognised where it may not be"
        session = session or requests.Session()
        session.auth = (username.encode(), password.encode())
        return cls(url, session)

    @classmethod
    def with_token(cls, url: str, token: str, session: requests.Session | None = None) -> Self:
        """The same with the token as Bearer."""
        session = session or requests.Session()
        session.headers["Authorization"] = f"Bearer {token}"
        return cls(url, session)

    def generate(self, lifetime_seconds: int, description: str | None = None) -> requests.Response:
        return self._send("POST", TOKENS, json={"lifetimeSeconds": lifetime_seconds, "description": description})

    def own(self, **query: int | str) -> requests.Response:
        return self._send("GET", TOKENS, params=query)

    def get(self, token_id: str) -> requests.Response:
        return self._send("GET", f"{TOKENS}/{token_id}")

    def delete(self, token_id: str) -> requests.Response:
        return self._send("DELETE", f"{TOKENS}/{token_id}")

    def use(self) -> requests.Response:
        """Call a resource."""
        return self._send("GET", "/v4/people/current")

    def _send(self, method: str, path: str, **request: object) -> requests.Response:
        return self.session.request(method, f"{self.url}{path}", timeout=60, **request)  # type: ignore[arg-type]
