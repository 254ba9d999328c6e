"""The Alation dialect as a client speaks it, over any HTTP session: the services' verbs, one call each."""

from dataclasses import dataclass
from typing import Any

import requests

PREFIX = "/integration/v1"


@dataclass
class Alation:
    """A client of one server. Every verb returns the whole response; nothing is checked here."""

    url: str
    session: requests.Session

    def __post_init__(self) -> None:
        self.session.trust_env = False  # looking for proxies in the environment costs as much as a check

    def issue(self, username: str, password: str, name: str) -> requests.Response:
        return self._post("createRefreshToken", username=username, password=password, name=name)

    def mint(self, refresh_token: str, user_id: int | str) -> requests.Response:
        return self._post("createAPIAccessToken", refresh_token=refresh_token, user_id=user_id)

    def verify_refresh_token(self, refresh_token: str, user_id: int | str) -> requests.Response:
        return self._post("validateRefreshToken", refresh_token=refresh_token, user_id=user_id)

    def verify_access_token(self, access_token: str, user_id: int | str) -> requests.Response:
        return self._post("validateAPIAccessToken", api_access_token=access_token, user_id=user_id)

    def regenerate(self, refresh_token: str, user_id: int | str) -> requests.Response:
        return self._post("regenRefreshToken", refresh_token=refresh_token, user_id=user_id)

    def revoke_access_tokens(self, refresh_token: str, user_id: int | str) -> requests.Response:
        return self._post("revokeAPIAccessTokens", refresh_token=refresh_token, user_id=user_id)

    def use(self, access_token: str) -> requests.Response:
        """Call a protected resource."""
        return self.session.get(f"{self.url}{PREFIX}/userinfo/", headers={"TOKEN": access_token}, timeout=60)

    def _post(self, endpoint: str, **body: Any) -> requests.Response:
        return self.session.post(f"{self.url}{PREFIX}/{endpoint}/", json=body, timeout=60)
