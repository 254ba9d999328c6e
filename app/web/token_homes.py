"""Whose tokens a page is about: the user's own, or those of the service account in the path.

The views of both are the same (``account``, ``new_secrets``, ``preferences``). Not here: who opens an account
(``service_accounts``).
"""

from dataclasses import dataclass

from flask import g, request

from app.domain.identity import User, parse_user_id
from app.domain.service_accounts import REVOKED_FOR_ACCOUNT
from app.http.context import caller, services

OWN, ACCOUNTS = "/account/auth", "/account/service-accounts"
PREFERENCES = "/preferences/access-tokens"
OF_ACCOUNTS = "web_service_accounts"
"""The blueprint whose paths name an account."""

Crumbs = list[tuple[str, str]]


@dataclass(frozen=True)
class TokenOwner:
    """`home`: the address of the list, without the public URL's own path. `account`: None for the user's own."""

    user: User
    home: str
    account: User | None = None

    @property
    def revoked_because(self) -> str:
        """The reason of a revocation that gives none."""
        return "revoked by its owner" if self.account is None else REVOKED_FOR_ACCOUNT


def home() -> str:
    """The address of the list that a page belongs to; the user's own where the path names no account."""
    user_id = _named()
    return OWN if user_id is None else f"{ACCOUNTS}/{user_id}"


def api_home() -> str:
    """The same, of the list of single-tier API tokens."""
    user_id = _named()
    return PREFERENCES if user_id is None else f"{ACCOUNTS}/{user_id}/api-tokens"


def crumbs() -> Crumbs:
    """The first ones of a page about a token."""
    return _of_account() or [("Access Tokens", OWN)]


def api_crumbs() -> Crumbs:
    """The same, of a page about a single-tier API token."""
    above = _of_account()
    return [*above, ("API tokens", api_home())] if above else [("API tokens", PREFERENCES)]


def token_owner() -> TokenOwner:
    """Refuses with NotFound an account that the user does not answer for. Once for each request."""
    user_id = _named()
    if user_id is None:
        return TokenOwner(g.web_session.user, OWN)
    if "token_owner" not in g:
        account = services().service_accounts.open(parse_user_id(user_id), caller())
        g.token_owner = TokenOwner(account, home(), account)
    return g.token_owner  # type: ignore[no-any-return]


def _of_account() -> Crumbs:
    if _named() is None or "token_owner" not in g:
        return []
    return [("Service accounts", ACCOUNTS), (g.token_owner.user.username, home())]


def _named() -> str | None:
    return (request.view_args or {}).get("user_id") if request.blueprint == OF_ACCOUNTS else None
