"""Things to put into a database, made through the services like everything else.

Passwords begin with ``secrecy.PASSWORD_MARK``; users have none unless asked for.
"""

from datetime import timedelta
from itertools import count
from typing import Any

from app.domain.errors import TokenRefused
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.services import Services
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
    return services.issuing.issue(user, name, Caller(user.username, user.id))


def mint(services: Services, refresh: Issued[RefreshToken]) -> Issued[AccessToken]:
    """An access token under that refresh token."""
    return services.minting.mint(refresh.secret, refresh.token.user_id, Caller(""))


def fight_over(services: Services, refresh: Issued[RefreshToken]) -> None:
    """What two programs at two addresses do to each other with one refresh token."""
    for number in range(6):
        services.minting.mint(refresh.secret, None, Caller("", address=f"192.0.2.{number % 2 + 1}"))


def generate(
    services: Services, user: User, lifetime: timedelta | None = timedelta(days=1), description: str | None = None
) -> Issued[AccessToken]:
    """A single-tier token of that user, who must be permitted."""
    return services.single_tier.generate(user.id, lifetime, description, Caller(user.username, user.id))


def allowed_user(services: Services, **about: Any) -> User:
    """A user who was individually allowed to make such tokens."""
    user = make_user(services, **about)
    return services.accounts.set_api_tokens(user.username, ApiTokens.ALLOW, OPERATOR)


# Changes to what was made, by an operator


def disable(services: Services, user: User) -> None:
    services.accounts.disable(user.username, OPERATOR)


def give_role(services: Services, user: User, role: Role) -> None:
    services.accounts.set_role(user.username, role, OPERATOR)


def decide_api_tokens(services: Services, user: User, decision: ApiTokens) -> None:
    """Whether this user may have single-tier tokens."""
    services.accounts.set_api_tokens(user.username, decision, OPERATOR)


def revoke(services: Services, issued: Issued[RefreshToken] | Issued[AccessToken], reason: str = "test") -> None:
    services.revoking.revoke(issued.token.public_id, reason, OPERATOR)


def delete(services: Services, single: Issued[AccessToken]) -> None:
    """End a single-tier token, as an administrator does."""
    services.single_tier.delete(single.token.uuid, OPERATOR, None)


def regenerate(services: Services, refresh: Issued[RefreshToken]) -> Issued[RefreshToken]:
    """The same refresh token with another secret."""
    return services.issuing.regenerate(refresh.secret, refresh.token.user_id, OPERATOR)


def works(services: Services, issued: Issued[RefreshToken] | Issued[AccessToken]) -> bool:
    """Whether the token is accepted at this moment."""
    try:
        if isinstance(issued.token, RefreshToken):
            services.refresh_verifier.validate(issued.secret, None)
        else:
            services.verifier.verify(issued.secret)
    except TokenRefused:
        return False
    return True
