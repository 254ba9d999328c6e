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
        return cls._with_basic(url, session, username, password)

    @classmethod
    def of_client(cls, url: str, id: str, secret: str, session: requests.Session | None = None) -> "OAuth":
        """The same of an OAuth client: the public id and the secret of a refresh token."""
        return cls._with_basic(url, session, id, secret)

    @classmethod
    def _with_basic(cls, url: str, session: requests.Session | None, name: str, secret: str) -> "OAuth":
        session = session or requests.Session()
        session.auth = (name.encode(), secret.encode())
        return cls(url, session)

    def mint(self, refresh_token: str | None = None) -> requests.Response:
        """By client credentials, or with that refresh token."""
        if refresh_token is None:
            return self._post("token", grant_type="client_credentials")
        return self._post("token", grant_type="refresh_token", refresh_token=refresh_token)

    def use(self, access_token: str) -> requests.Response:
        """Call a protected resource as OAuth clients do."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return requests.get(f"{self.url}/integration/v1/userinfo/", headers=headers, timeout=60)

    def introspect(self, token: str, hint: str | None = None) -> requests.Response:
        return self._post("introspect", token=token, token_type_hint=hint)

    def revoke(self, token: str, hint: str | None = None) -> requests.Response:
        return self._post("revoke", token=token, token_type_hint=hint)

    def _post(self, endpoint: str, **form: str | None) -> requests.Response:
        return self.session.post(f"{self.url}{PREFIX}/{endpoint}", data=form, timeout=60)
