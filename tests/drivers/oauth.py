"""The OAuth dialect as a client speaks it, over any HTTP session: the services' verbs, one call each."""

from dataclasses import dataclass

import requests

from tests.secrecy import PASSWORD_MARK

PREFIX = "/oauth"


@dataclass
class OAuth:
    """A client of one server, signed in by its session's ``auth`` or headers. Every verb returns the whole response."""

    url: str
    session: requests.Session

    @classmethod
    def signed_in(cls, url: str, username: str, password: str, session: requests.Session | None = None) -> "OAuth":
        """A client that sends HTTP Basic with every call; by a session of its own, if it is given none.

        As bytes, for ``requests`` sends text in Latin-1, whatever the challenge said.
        """
        assert password.startswith(PASSWORD_MARK), "so that it is recognised where it may not be"
        session = session or requests.Session()
        session.auth = (username.encode(), password.encode())
        return cls(url, session)

    def introspect(self, token: str, hint: str | None = None) -> requests.Response:
        return self._post("introspect", token, hint)

    def revoke(self, token: str, hint: str | None = None) -> requests.Response:
        return self._post("revoke", token, hint)

    def _post(self, endpoint: str, token: str, hint: str | None) -> requests.Response:
        form = {"token": token} | ({} if hint is None else {"token_type_hint": hint})
        return self.session.post(f"{self.url}{PREFIX}/{endpoint}", data=form, timeout=30)
