"""Things to put into a database, made through the services like everything else.

Passwords begin with ``secrecy.PASSWORD_MARK``; users have none unless asked for.
"""

from datetime import timedelta
from itertools import count
from typing import Any

from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.services import Services
from app.services.held_tokens import BySecret
from tests.secrecy import PASSWORD_MARK

OPERATOR = Caller("cli:tests")
PASSWORD = f"{PASSWORD_MARK}-of-the-tests"

_numbers = count(1)


def make_user(
    services: Services, username: str = "", role: Role = Role.VIEWER, password: str | None = None, **profile: str
) -> User:
    """A user; with a name of their own unless one is given."""
    return services.accounts.add(username or f"user-{next(_numbers)}", role, password, OPERATOR, **profile)


def issue(services: Services, user: User, name: str = "nightly-etl") -> Issued[RefreshToken]:
    """A refresh token of that user."""
    return services.issuing.issue(user.id, name, Caller(user.username, user.id))


def mint(services: Services, refresh: Issued[RefreshToken]) -> Issued[AccessToken]:
    """An access token under that refresh token."""
    return services.minting.mint(BySecret(refresh.secret, refresh.token.user_id), Caller(""))


def fight_over(services: Services, refresh: Issued[RefreshToken]) -> None:
    """What two programs at two addresses do to each other with one refresh token."""
    for number in range(6):
        services.minting.mint(BySecret(refresh.secret), Caller("", address=f"192.0.2.{number % 2 + 1}"))


def generate(
    services: Services, user: User, lifetime: timedelta | None = timedelta(days=1), description: str | None = None
) -> Issued[AccessToken]:
    """A single-tier token of that user, who must be permitted."""
    return services.single_tier.generate(user.id, lifetime, description, Caller(user.username, user.id))


def allowed_user(services: Services, **about: Any) -> User:
    """A user who was individually allowed to make such tokens."""
    user = make_user(services, **about)
    return services.accounts.change(user.username, {"api_tokens": ApiTokens.ALLOW}, OPERATOR)
