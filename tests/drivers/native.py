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

    def issue(self, name: str) -> requests.Response:
        return self.call("POST", "me/refresh-tokens", {"name": name})

    def verify(self) -> requests.Response:
        """Who the token's owner is, if it works."""
        return self.call("GET", "me")

    def verify_batch(self, tokens: list[str]) -> list[dict[str, Any]]:
        """The verdicts on these tokens, for a caller who may ask about all."""
        answer = self.call("POST", "verify-batch", {"tokens": tokens})
        answer.raise_for_status()
        verdicts: list[dict[str, Any]] = answer.json()["results"]
        return verdicts

    def revoke(self, public_id: str) -> requests.Response:
        return self.call("DELETE", f"me/tokens/{public_id}")

    def own(self) -> list[dict[str, Any]]:
        """The caller's tokens on the first page."""
        items: list[dict[str, Any]] = self.call("GET", "me/tokens").json()["items"]
        return items

    def call(self, method: str, path: str, members: dict[str, Any] | None = None) -> requests.Response:
        """Any call below the prefix, with a JSON object of these members."""
        headers = {} if self.token is None else {"TOKEN": self.token}
        return self.session.request(method, f"{self.url}{PREFIX}/{path}", json=members, headers=headers, timeout=60)
