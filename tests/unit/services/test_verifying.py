"""Verifying: which access token is good at this moment, and whose it is.

Here belongs the verdict on tokens as the services leave them, and on rows that somebody planted. Not here: how
a request carries a token, and the check under load (``tests/functional/test_revocation.py``).
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import pytest
from freezegun import freeze_time
from sqlalchemy import select, update

from app.domain.clock import system_clock
from app.domain.errors import (
    OwnerDisabled,
    TokenExpired,
    TokenMalformed,
    TokenRefused,
    TokenRevoked,
    TokenSuperseded,
    TokenUnknown,
    UserIdMismatch,
)
from app.domain.identity import Caller, Role, User
from app.domain.secrets import TokenFormat, TokenText, new_token_text
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind, TokenStatus
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests import rows
from tests.factories import OPERATOR, issue, make_user, mint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TEXT = TokenFormat(("dp",))

AnyToken = TypeVar("AnyToken", AccessToken, RefreshToken)


def test_a_good_access_token_says_whose_it_is(services: Services) -> None:
    user = make_user(
        services, "anna", Role.STEWARD, email="anna@example.com", first_name="Anna", last_name="Berg", title="Ms"
    )
    refresh = issue(services, user, "nightly-etl")
    access = mint(services, refresh)
    known = services.verifier.verify(access.secret, user.id)
    assert (known.user_id, known.username, known.role) == (user.id, "anna", Role.STEWARD)
    assert (known.email, known.first_name, known.last_name) == ("anna@example.com", "Anna", "Berg")
    assert (known.token_id, known.token_public_id) == (access.token.id, access.token.public_id)
    assert (known.token_kind, known.token_name) == (TokenKind.ACCESS, "nightly-etl")
    assert (known.token_created_at, known.token_expires_at) == (access.token.created_at, access.token.expires_at)
    assert known.refresh_token_expires_at == refresh.token.expires_at
    assert known.token_last_used_at is None
    assert access.token.created_at <= known.checked_at <= system_clock()


def test_a_check_says_when_the_token_was_used_last(services: Services, database: Database) -> None:
    access = mint(services, issue(services, make_user(services)))
    with database.transaction() as session:
        session.execute(update(AccessTokenRow).values(last_used_at=NOW))
    assert services.verifier.verify(access.secret).token_last_used_at == NOW


def test_a_token_is_recognised_in_any_state_by_who_holds_its_secret(services: Services) -> None:
    """Recognising is no verdict; what it is for, such as revoking, must not depend on one."""
    refresh = issue(services, make_user(services))
    replaced, access = mint(services, refresh), mint(services, refresh)
    services.revoking.revoke(access.token.public_id, "", OPERATOR)
    for issued, status in ((replaced, "superseded"), (access, "revoked")):
        text, row = services.verifier.recognise(issued.secret)
        assert (text.public_id, row.token_id, row.status) == (issued.token.public_id, issued.token.id, status)
    with pytest.raises(TokenMalformed):
        services.verifier.recognise(refresh.secret)
    with pytest.raises(TokenUnknown):
        services.verifier.recognise(
            TEXT.compose(new_token_text(TokenKind.ACCESS).with_public_id(access.token.public_id))
        )


def test_a_token_without_refresh_token_or_end_is_good_and_called_by_its_description(
    services: Services, database: Database
) -> None:
    access = mint(services, issue(services, make_user(services)))
    for description, name in (("my laptop", "my laptop"), (None, "")):
        with database.transaction() as session:
            alone = {"refresh_token_id": None, "expires_at": None, "description": description}
            session.execute(update(AccessTokenRow).values(**alone))
        known = services.verifier.verify(access.secret)
        assert (known.token_name, known.token_expires_at, known.refresh_token_expires_at) == (name, None, None)


def test_rights_are_read_at_every_check(services: Services) -> None:
    user = make_user(services, role=Role.STEWARD)
    access = mint(services, issue(services, user))
    assert services.verifier.verify(access.secret).role is Role.STEWARD
    services.accounts.set_role(user.username, Role.VIEWER, OPERATOR)
    assert services.verifier.verify(access.secret).role is Role.VIEWER


def test_a_check_writes_nothing(services: Services, database: Database) -> None:
    access = mint(services, issue(services, make_user(services)))
    before = rows.everything(database)
    services.verifier.verify(access.secret)
    assert rows.everything(database) == before


def test_expiry_is_exact_to_the_microsecond_with_no_job_ever_run(services: Services, database: Database) -> None:
    """Fails when ``status_at`` reads ``expires_at < now``: so it was broken, and at the instant it was still good."""
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        access = mint(services, refresh)
        assert access.token.expires_at is not None
        clock.move_to(access.token.expires_at - MICROSECOND)
        services.verifier.verify(access.secret)
        for late in (timedelta(0), MICROSECOND):
            clock.move_to(access.token.expires_at + late)
            with pytest.raises(TokenExpired):
                services.verifier.verify(access.secret)

        clock.move_to(refresh.token.expires_at - MICROSECOND)
        services.refresh_verifier.validate(refresh.secret, None)
        for late in (timedelta(0), MICROSECOND):
            clock.move_to(refresh.token.expires_at + late)
            with pytest.raises(TokenExpired):
                services.refresh_verifier.validate(refresh.secret, None)
    assert _stored_statuses(database) == {"active"}, "nobody wrote it down"


ENDINGS: dict[str, tuple[Callable[[Services, Issued[RefreshToken], Issued[AccessToken]], object], type[TokenRefused]]]
ENDINGS = {
    "revoked": (
        lambda services, _, access: services.revoking.revoke(access.token.public_id, "", OPERATOR),
        TokenRevoked,
    ),
    "its refresh token revoked": (
        lambda services, refresh, _: services.revoking.revoke(refresh.token.public_id, "", OPERATOR),
        TokenRevoked,
    ),
    "its refresh token regenerated": (
        lambda services, refresh, _: services.issuing.regenerate(refresh.secret, None, Caller("")),
        TokenRevoked,
    ),
    "all of its owner's revoked": (
        lambda services, _, __: services.revoking.revoke_user("anna", "", OPERATOR),
        TokenRevoked,
    ),
    "its owner disabled": (lambda services, _, __: services.accounts.disable("anna", OPERATOR), OwnerDisabled),
    "replaced": (lambda services, refresh, _: mint(services, refresh), TokenSuperseded),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_access_token_that_was_ended_is_refused_for_its_own_reason(services: Services, ending: str) -> None:
    end, refusal = ENDINGS[ending]
    refresh = issue(services, make_user(services, "anna"))
    access = mint(services, refresh)
    services.verifier.verify(access.secret)  # whoever keeps answers has one to keep
    end(services, refresh, access)
    with pytest.raises(TokenRefused) as refused:
        services.verifier.verify(access.secret)
    assert type(refused.value) is refusal
    assert refused.value.public_id == access.token.public_id


def test_an_owner_who_is_enabled_again_has_working_tokens_again(services: Services) -> None:
    user = make_user(services)
    access = mint(services, issue(services, user))
    services.accounts.disable(user.username, OPERATOR)
    services.accounts.enable(user.username, OPERATOR)
    assert services.verifier.verify(access.secret).user_id == user.id


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"status": TokenStatus.REVOKED}, TokenRevoked),
        ({"status": TokenStatus.EXPIRED}, TokenExpired),
        ({"expires_at": NOW}, TokenExpired),
    ],
)
def test_an_access_token_does_not_work_under_a_refresh_token_that_does_not(
    services: Services, database: Database, values: dict[str, object], refusal: type[TokenRefused]
) -> None:
    """Even if its own row were left active. Fails when the check does not look at the refresh token.

    So it was broken, in ``verifying._refuse_unless_good``: the token was good.
    """
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    with database.transaction() as session:
        session.execute(update(RefreshTokenRow).values(**values))
    with pytest.raises(refusal):
        services.verifier.verify(access.secret)


def test_what_is_no_access_token_text_is_malformed(services: Services) -> None:
    refresh = issue(services, make_user(services))
    secret = mint(services, refresh).secret
    for text in (
        "",
        "nonsense",
        refresh.secret,
        secret[:-1],
        secret + "0",
        f" {secret}",
        f"{secret}\n",
        secret.upper(),
    ):
        with pytest.raises(TokenMalformed):
            services.verifier.verify(text)


def test_an_unknown_public_id_and_a_wrong_secret_are_the_same_refusal(services: Services) -> None:
    access = mint(services, issue(services, make_user(services)))
    unknown = new_token_text(TokenKind.ACCESS)
    for text in (unknown, unknown.with_public_id(access.token.public_id)):
        with pytest.raises(TokenUnknown) as refused:
            services.verifier.verify(TEXT.compose(text))
        assert refused.value.public_id is None


def test_a_user_id_must_be_the_owners(services: Services) -> None:
    user, other = make_user(services), make_user(services)
    access = mint(services, issue(services, user))
    with pytest.raises(UserIdMismatch):
        services.verifier.verify(access.secret, other.id)


def _sha256(text: TokenText) -> bytes:
    return hashlib.sha256(f"v1|{text.kind}|{text.public_id}|{text.secret}".encode()).digest()


def _hmac_with(key: bytes) -> Callable[[TokenText], bytes]:
    return lambda text: hmac.digest(key, f"v1|{text.kind}|{text.public_id}|{text.secret}".encode(), "sha256")


PLANTED: dict[str, tuple[str, Callable[[TokenText], bytes]]] = {
    "a digest without a key": ("k1", _sha256),
    "a digest without a key, under a key id that nobody has": ("none", _sha256),
    "a key of the planter's own, under a key id that nobody has": ("mine", _hmac_with(b"m" * 32)),
    "a key of the planter's own, under ours": ("k1", _hmac_with(b"m" * 32)),
    "an empty key": ("", _hmac_with(b"")),
    "no digest at all": ("k1", lambda _: b""),
    "zeros": ("k1", lambda _: b"\0" * 32),
    "the secret itself": ("k1", lambda text: text.secret.encode()),
}


def test_a_row_that_was_planted_without_the_key_does_not_authenticate(services: Services, database: Database) -> None:
    """Whoever writes to the database, and has no key, can make no token, of either tier.

    Fails when ``KeyRing.verifies`` takes a plain SHA-256 for a key id it does not know: so it was broken, and the
    second row of the table above got in.
    """
    user = make_user(services)
    for how, (key_id, digest) in PLANTED.items():
        access, refresh = new_token_text(TokenKind.ACCESS), new_token_text(TokenKind.REFRESH)
        _plant(database, user, AccessTokenRow(uuid=str(uuid4())), access, key_id, digest(access))
        _plant(database, user, RefreshTokenRow(name="planted"), refresh, key_id, digest(refresh))
        assert _is_unknown(lambda secret: services.verifier.verify(secret), access), how
        assert _is_unknown(lambda secret: services.refresh_verifier.validate(secret, user.id), refresh), how
        assert _is_unknown(lambda secret: services.minting.mint(secret, user.id, Caller("")), refresh), how


def test_a_digest_copied_from_another_row_does_not_authenticate(services: Services, database: Database) -> None:
    """A thief who may write can't put the digest of a secret of their own into somebody else's row."""
    victim = issue(services, make_user(services))
    thief = issue(services, make_user(services))
    _copy_mac(database, RefreshTokenRow, thief.token.public_id, victim.token.public_id)
    assert _is_unknown(lambda secret: services.refresh_verifier.validate(secret, None), _moved(thief, victim))

    victims, thiefs = mint(services, issue(services, make_user(services))), mint(services, thief)
    _copy_mac(database, AccessTokenRow, thiefs.token.public_id, victims.token.public_id)
    assert _is_unknown(lambda secret: services.verifier.verify(secret), _moved(thiefs, victims))


def _copy_mac(database: Database, table: type[AccessTokenRow | RefreshTokenRow], source: str, into: str) -> None:
    with database.transaction() as session:
        mac = session.scalar(select(table.mac).where(table.public_id == source))
        session.execute(update(table).where(table.public_id == into).values(mac=mac))


def _moved(source: Issued[AnyToken], into: Issued[AnyToken]) -> TokenText:
    """The secret of one token under the public id of another."""
    text = TEXT.parse(source.secret)
    assert text is not None
    return text.with_public_id(into.token.public_id)


def _is_unknown(present: Callable[[str], object], text: TokenText) -> bool:
    try:
        present(TEXT.compose(text))
    except TokenUnknown:
        return True
    return False


def _plant(
    database: Database, user: User, row: AccessTokenRow | RefreshTokenRow, text: TokenText, key_id: str, mac: bytes
) -> None:
    row.public_id, row.user_id, row.key_id, row.mac = text.public_id, user.id, key_id, mac
    row.created_at, row.expires_at = system_clock(), system_clock() + timedelta(days=1)
    with database.transaction() as session:
        session.add(row)


def _stored_statuses(database: Database) -> set[str]:
    with database.reading() as session:
        tables = (AccessTokenRow, RefreshTokenRow)
        return {status for table in tables for status in session.scalars(select(table.status))}
