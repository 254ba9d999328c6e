"""The native dialect as a client speaks it, over any HTTP session: the services' verbs, one call each."""

from dataclasses import dataclass, field
from typing import Any

import requests

PREFIX = "/api/v1"


@dataclass
class Native:
    """A client of one server that sends an access token. Every verb returns the whole response."""

    url: str
    token: str | None = field(default=None, repr=False)
    session: requests.Session = field(default_factory=requests.Session)

    def mint(self, refresh_token: str) -> requests.Response:
        return self.call("POST", "access-tokens", {"refresh_token": refresh_token})

    def issue(self, name: str, key: str | None = None) -> requests.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.call("POST", "me/refresh-tokens", {"name": name}, headers)

    def regenerate(self, public_id: str) -> requests.Response:
        return self.call("POST", f"me/refresh-tokens/{public_id}/regenerate")

    def verify(self) -> requests.Response:
        """Who the token's owner is, if it works."""
        return self.call("GET", "me")

    def revoke(self, public_id: str) -> requests.Response:
        return self.call("DELETE", f"me/tokens/{public_id}")

    def own(self, **wanted: str) -> list[dict[str, Any]]:
        """All of one's tokens, page after page, as the links lead."""
        found: list[dict[str, Any]] = []
        path = "me/tokens"
        while path:
            answer = self.call("GET", path, params=wanted)
            found += answer.json()["items"]
            path, wanted = answer.links.get("next", {}).get("url", "").removeprefix(f"{PREFIX}/"), {}
        return found

    def call(
        self, method: str, path: str, members: dict[str, Any] | None = None, headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> requests.Response:  # fmt: skip
        """Any call below the prefix, with a JSON object of these members."""
        mine = {} if self.token is None else {"TOKEN": self.token}
        url = f"{self.url}{PREFIX}/{path}"
        return self.session.request(
            method, url, json=members, headers=mine | (headers or {}), params=params, timeout=30
        )
