"""The life of an access token in each API: a class for each with the same verbs, over its driver."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.drivers.alation import Alation
from tests.drivers.native import Native
from tests.drivers.oauth import OAuth
from tests.drivers.trifacta import Trifacta

NAME = "nightly-etl"
LIFETIME_SECONDS = 24 * 60 * 60
"""What the other dialects' access tokens live by default, for the one that lets its clients choose."""

Said = tuple[Any, ...]


@dataclass(frozen=True)
class Login:
    """Somebody with a password, and a refresh token that outlives the story."""

    user_id: int
    username: str
    password: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class Held:
    """An access token in its holder's hands. `handle`: by what the dialect revokes it."""

    secret: str = field(repr=False)
    handle: str = field(repr=False)


@dataclass
class Life:
    """One API. `new_session`: a way to the server for one client; `owner`: of the tokens; `api`: who introspects.

    The verbs are `issue`, `use` and `revoke`; `seen`: how the token stands in the API's list or, where there is none,
    what the API answers about it; `said`: a refusal in short, the status and the API's own words.
    """

    url: str
    new_session: Callable[[], requests.Session]
    owner: Login
    api: Login


class AlationLife(Life):
    """Revoked by its refresh token; not listed, but anybody who holds it is told its status."""

    def issue(self) -> Held:
        alation, user = self._client(), self.owner
        refresh_token = granted(alation.issue(user.username, user.password, NAME))["refresh_token"]
        minted = granted(alation.mint(refresh_token, user.user_id))
        return Held(minted["api_access_token"], refresh_token)

    def use(self, held: Held) -> requests.Response:
        return self._client().use(held.secret)

    def seen(self, held: Held) -> str:
        told = self._client().verify_access_token(held.secret, self.owner.user_id).json()
        return str(told.get("token_status") or told["detail"])

    def revoke(self, held: Held) -> requests.Response:
        return self._client().revoke_access_tokens(held.handle, self.owner.user_id)

    @staticmethod
    def said(answer: requests.Response) -> Said:
        return answer.status_code, answer.json()["detail"], answer.json()["reason"]

    def _client(self) -> Alation:
        return Alation(self.url, self.new_session())


class TrifactaLife(Life):
    """Made, listed and deleted by its owner's password; used as Bearer."""

    def issue(self) -> Held:
        made = granted(self._owner().generate(LIFETIME_SECONDS, NAME))
        return Held(made["tokenValue"], made["tokenInfo"]["tokenId"])

    def use(self, held: Held) -> requests.Response:
        return Trifacta.with_token(self.url, held.secret, self.new_session()).use()

    def seen(self, held: Held) -> str:
        listed = granted(self._owner().own())["data"]
        return "listed" if held.handle in [each["tokenId"] for each in listed] else "not listed"

    def revoke(self, held: Held) -> requests.Response:
        return self._owner().delete(held.handle)

    @staticmethod
    def said(answer: requests.Response) -> Said:
        exception = answer.json()["exception"]
        return answer.status_code, exception["name"], exception["details"]

    def _owner(self) -> Trifacta:
        return Trifacta.with_password(self.url, self.owner.username, self.owner.password, self.new_session())


class NativeLife(Life):
    """Everything is done with another access token of the owner's, minted for each call."""

    def issue(self) -> Held:
        refresh_token = granted(self._owner().issue(NAME))["secret"]
        minted = granted(self._holding(None).mint(refresh_token))
        return Held(minted["secret"], minted["public_id"])

    def use(self, held: Held) -> requests.Response:
        return self._holding(held.secret).verify()

    def seen(self, held: Held) -> str:
        (status,) = [each["status"] for each in self._owner().own() if each["public_id"] == held.handle]
        return str(status)

    def revoke(self, held: Held) -> requests.Response:
        return self._owner().revoke(held.handle)

    @staticmethod
    def said(answer: requests.Response) -> Said:
        return answer.status_code, answer.json()["title"], answer.json()["reason"]

    def _owner(self) -> Native:
        return self._holding(granted(self._holding(None).mint(self.owner.refresh_token))["secret"])

    def _holding(self, token: str | None) -> Native:
        return Native(self.url, token, self.new_session())


class OAuthLife(AlationLife):
    """Issues nothing: the tokens are Alation's. An API asks about them, and whoever holds one may revoke it."""

    def use(self, held: Held) -> requests.Response:
        """Sign in with it, to revoke something that is nothing."""
        client = OAuth(self.url, self.new_session())
        client.session.headers["Authorization"] = f"Bearer {held.secret}"
        return client.revoke("nothing")

    def seen(self, held: Held) -> str:
        api = OAuth.signed_in(self.url, self.api.username, self.api.password, self.new_session())
        return "active" if granted(api.introspect(held.secret))["active"] else "inactive"

    def revoke(self, held: Held) -> requests.Response:
        return OAuth(self.url, self.new_session()).revoke(held.secret)

    @staticmethod
    def said(answer: requests.Response) -> Said:
        return answer.status_code, answer.json()["error"], answer.json()["reason"]


def granted(answer: requests.Response) -> dict[str, Any]:
    """The members of an answer that must be a success."""
    assert answer.ok, answer.text
    members: dict[str, Any] = answer.json()
    return members
