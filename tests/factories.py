"""Things to put into a database, made through the services like everything else.

Passwords begin with ``secrecy.PASSWORD_MARK``; users have none unless asked for.
"""

from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

from sqlalchemy import update

from app.domain.clock import system_clock
from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import TokenRefused
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.provisioned import Managed
from app.domain.reissue import Reissue
from app.domain.sessions import WebSession
from app.domain.sign_ins import ProvidedPerson
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.services import Services
from app.services.bulk_revocations import BulkRevocation
from app.services.held_tokens import ByOwner, BySecret
from app.services.revoking import Revoked
from app.services.service_accounts import People
from app.services.throttling import ACCOUNT_LIMIT, NEW_PLACE_LIMIT, Claim
from app.storage import users
from app.storage.operating_tables import LoginThrottleRow
from app.storage.tables import UserRow
from tests.secrecy import PASSWORD_MARK

Refresh: TypeAlias = Issued[RefreshToken]
Access: TypeAlias = Issued[AccessToken]

OPERATOR = Caller("cli:tests", credential=Credential(CredentialKind.COMMAND_LINE, "tests"))
ANONYMOUS = Caller("")


def signed_in(user: User, *, is_fresh: bool = True) -> Caller:
    """That user in a session of the pages, whose password was entered recently unless told otherwise."""
    session = Credential(CredentialKind.SESSION, "1", is_fresh=is_fresh)
    return Caller(user.username, user.id, credential=session, role=user.role)


def with_token(user: User, issued: Access, refresh: Refresh | None = None) -> Caller:
    """That user with this access token; of that refresh token, if one is given."""
    until = (refresh or issued).token.expires_at
    used = Credential(CredentialKind.ACCESS_TOKEN, issued.token.public_id, is_single_tier=refresh is None, until=until)
    return Caller(user.username, user.id, credential=used, role=user.role)


PASSWORD = f"{PASSWORD_MARK}-of-the-tests"

_numbers = count(1)


def make_user(
    services: Services, username: str = "", role: Role = Role.VIEWER, password: str | None = None, **profile: str
) -> User:
    """A user; with a name of their own unless one is given."""
    return services.accounts.add(username or f"user-{next(_numbers)}", role, password, OPERATOR, **profile)


def make_service_account(
    services: Services, responsible: User, deputy: User | None = None, role: Role = Role.VIEWER, username: str = ""
) -> User:
    """A service account that these persons answer for."""
    answering = People(responsible.username, deputy and deputy.username)
    return services.service_accounts.add(username or f"svc-{next(_numbers)}", role, answering, OPERATOR)


def issue(services: Services, user: User, name: str = "nightly-etl", reissue: Reissue | None = None) -> Refresh:
    """A refresh token of that user; `reissue`: what it says for itself about minting again."""
    return services.issuing.issue(user.id, name, signed_in(user), reissue=reissue)


def mint(services: Services, refresh: Refresh, address: str | None = None) -> Access:
    """An access token under that refresh token, for a client at that address."""
    return mint_with(services, refresh.secret, refresh.token.user_id, Caller("", address=address))


def mint_with(services: Services, secret: str, user_id: int | None = None, caller: Caller = ANONYMOUS) -> Access:
    """The same from a secret as a client presents it."""
    return services.minting.mint(BySecret(secret, user_id), caller)


def mint_own(services: Services, refresh: Refresh) -> Access:
    """The same by public id, as the owner does on the pages."""
    return services.minting.mint(ByOwner(refresh.token.public_id, refresh.token.user_id), OPERATOR)


def regenerate(services: Services, refresh: Refresh) -> Refresh:
    """The same refresh token with a new secret."""
    return regenerate_with(services, refresh.secret)


def regenerate_with(services: Services, secret: str, user_id: int | None = None, caller: Caller = ANONYMOUS) -> Refresh:
    """The same from a secret as a client presents it."""
    return services.issuing.regenerate(BySecret(secret, user_id), caller)


def regenerate_own(services: Services, refresh: Refresh) -> Refresh:
    """The same by public id, as the owner does on the pages."""
    return services.issuing.regenerate(ByOwner(refresh.token.public_id, refresh.token.user_id), OPERATOR)


def rotate(services: Services, refresh: Refresh) -> Refresh:
    """The same refresh token with a new secret, beside which the one before works."""
    return rotate_with(services, refresh.secret)


def rotate_with(services: Services, secret: str, user_id: int | None = None, caller: Caller = ANONYMOUS) -> Refresh:
    """The same from a secret as a client presents it."""
    return services.rotating.rotate(BySecret(secret, user_id), caller)


def rotate_own(services: Services, refresh: Refresh) -> Refresh:
    """The same by public id, as the owner does on the pages."""
    return services.rotating.rotate(ByOwner(refresh.token.public_id, refresh.token.user_id), OPERATOR)


def validate(services: Services, secret: str, user_id: int | None = None) -> RefreshToken:
    """The refresh token with that secret, if it works."""
    return services.held_tokens.validate(BySecret(secret, user_id))[0]


def revoke_under(
    services: Services, secret: str, user_id: int | None = None, caller: Caller = ANONYMOUS
) -> RefreshToken:
    """Revoke the access tokens of the refresh token with that secret."""
    return services.revoking.revoke_access_tokens(BySecret(secret, user_id), caller)


def revoke(services: Services, issued: Access | Refresh, reason: str = "") -> Revoked:
    """Revoke it by its public id."""
    return services.revoking.revoke(issued.token.public_id, reason, OPERATOR)


def revoke_by_filter(services: Services) -> BulkRevocation:
    """Of all tokens of a new user: a refresh token."""
    user = make_user(services)
    issue(services, user)
    criteria = TokenFilter(owner=user.username)
    confirmation = services.revoking_by_filter.preview(criteria).confirmation
    return services.revoking_by_filter.revoke(criteria, confirmation, "", OPERATOR)


def set_role(services: Services, username: str, role: Role, caller: Caller = OPERATOR) -> User:
    return services.accounts.change(username, {"role": role}, caller)


def disable(services: Services, username: str, caller: Caller = OPERATOR) -> User:
    return services.accounts.change(username, {"is_active": False}, caller)


def enable(services: Services, username: str, caller: Caller = OPERATOR) -> User:
    return services.accounts.change(username, {"is_active": True}, caller)


def set_api_tokens(services: Services, username: str, decision: ApiTokens, caller: Caller = OPERATOR) -> User:
    return services.accounts.change(username, {"api_tokens": decision}, caller)


def set_password(services: Services, username: str, password: str, caller: Caller = OPERATOR) -> User:
    return services.changing_passwords.set(username, password, caller).user


def configure(services: Services, **values: object) -> None:
    """Change instance settings."""
    for key, value in values.items():
        services.instance_settings.change(key, str(value), OPERATOR)


def fight_over(services: Services, refresh: Refresh) -> None:
    """What two programs at two addresses do to each other with one refresh token."""
    for number in range(6):
        mint(services, refresh, f"192.0.2.{number % 2 + 1}")


def generate(
    services: Services, user: User, lifetime: timedelta | None = timedelta(days=1), description: str | None = None
) -> Access:
    """A single-tier token of that user, who must be permitted."""
    return services.single_tier.generate(user.id, lifetime, description, signed_in(user))


def allowed_user(services: Services, **about: Any) -> User:
    """A user who was individually allowed to make such tokens."""
    user = make_user(services, **about)
    return set_api_tokens(services, user.username, ApiTokens.ALLOW)


def delete(services: Services, single: Access) -> None:
    """Delete a single-tier token, as an administrator does."""
    services.single_tier.delete(single.token.uuid, OPERATOR, None)


def accept_clock(services: Services) -> None:
    """Let the jobs go by the clock as it is now, wherever a test has set it before."""
    services.clock_agreement.accept(OPERATOR)


def expire_due(services: Services) -> int:
    """Mark what has expired, by the clock as it is."""
    accept_clock(services)
    return services.expiring.expire_due()


def purge(services: Services) -> int:
    """Delete what ended long ago, by the clock as it is."""
    accept_clock(services)
    return services.expiring.purge(OPERATOR)


def works(services: Services, issued: Access | Refresh) -> bool:
    """Whether the token is accepted at this moment."""
    try:
        if isinstance(issued.token, RefreshToken):
            validate(services, issued.secret)
        else:
            services.verifier.verify(issued.secret)
    except TokenRefused:
        return False
    return True


def lock_sign_in(services: Services, username: str) -> None:
    """Fail from new networks as often as leaves only known places to the account.

    Once from each: the others, which would take most of the time, are only added.
    """
    throttle, networks = services.accounts.throttle, ACCOUNT_LIMIT // NEW_PLACE_LIMIT
    for number in range(networks):
        address = f"198.18.{number}.7"
        attempt = throttle.begin(Claim(username, address))
        assert attempt is not None
        throttle.failed(attempt, Caller("", address=address))
        if number == 0:
            row, others = LoginThrottleRow, ACCOUNT_LIMIT - networks
            counted = update(row).where(row.bucket == throttle._of_account(username).key)
            with services.accounts._database.transaction() as session:
                session.execute(counted.values(failures=row.failures + others))


def vouch(services: Services, user: User, at: datetime | None) -> None:
    """As if a provider had last signed the user in then."""
    with services.accounts._database.transaction() as session:
        row = users.get(session, user.id)
        assert row is not None
        row.vouched_at = at


ISSUER = "https://login.example.com"


def person(subject: str = "anna-at-the-provider", **says: Any) -> ProvidedPerson:
    """What a provider says of that person, who has just proved there who they are."""
    said: dict[str, Any] = {"username": "anna", "signed_in_at": system_clock()} | says
    return ProvidedPerson("corporate", said.pop("issuer", ISSUER), subject, **said)


def sign_in_by_provider(services: Services, known: ProvidedPerson, before: str | None = None) -> WebSession:
    """The session that begins with it."""
    session = services.sessions.find(services.joining.sign_in(known, Caller("", address="192.0.2.10"), before))
    assert session is not None
    return session


def managed_crowd(services: Services, name: str, number: int) -> list[int]:
    """The ids of so many users whom SCIM manages, made at once."""
    rows = [
        UserRow(username=f"{name}.{each}", role=Role.VIEWER, managed_by=Managed.SCIM, created_at=system_clock())
        for each in range(number)
    ]
    with services.scim.users._database.transaction() as session:
        session.add_all(rows)
        session.flush()
        return [each.id for each in rows]
