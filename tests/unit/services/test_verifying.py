"""Verifying: which access token is good at this moment, and whose it is; also where rows were planted."""

import hashlib
import hmac
from collections.abc import Callable
from functools import partial
from uuid import uuid4

import pytest
from freezegun import freeze_time
from sqlalchemy import select, update

from app.domain.clock import system_clock
from app.domain.errors import TokenMalformed, TokenRefused, TokenUnknown, UserIdMismatch
from app.domain.identity import Role, User
from app.domain.secrets import TokenFormat, TokenText, new_token_text
from app.domain.tokens import TokenKind, TokenStatus
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests import rows
from tests.factories import (
    OPERATOR,
    Access,
    Refresh,
    disable,
    issue,
    make_user,
    mint,
    mint_with,
    regenerate,
    revoke,
    set_role,
    validate,
)
from tests.unit.services.verdicts import DAY, MICROSECOND, NOW, reason, refusal_of

TEXT = TokenFormat(("dp",))


@pytest.fixture
def anna(services: Services) -> User:
    return make_user(
        services, "anna", Role.STEWARD, email="anna@example.com", first_name="Anna", last_name="Berg", title="Ms"
    )


def test_a_good_access_token_says_whose_it_is(
    services: Services, database: Database, anna: User, refresh: Refresh, access: Access
) -> None:
    before = rows.everything(database)
    known = services.verifier.verify(access.secret, anna.id)
    assert (known.user_id, known.username, known.role) == (anna.id, "anna", Role.STEWARD)
    assert (known.email, known.first_name, known.last_name) == ("anna@example.com", "Anna", "Berg")
    assert (known.token_id, known.token_public_id) == (access.token.id, access.token.public_id)
    assert (known.token_kind, known.token_name) == (TokenKind.ACCESS, "nightly-etl")
    assert (known.token_created_at, known.token_expires_at) == (access.token.created_at, access.token.expires_at)
    assert (known.refresh_token_expires_at, known.token_last_used_at) == (refresh.token.expires_at, None)
    assert access.token.created_at <= known.checked_at <= system_clock()
    assert rows.everything(database) == before, "a check writes nothing"
    set_role(services, "anna", Role.VIEWER)
    assert services.verifier.verify(access.secret).role is Role.VIEWER, "rights are read at every check"
    with pytest.raises(UserIdMismatch):
        services.verifier.verify(access.secret, anna.id + 1)


def test_a_token_is_recognised_in_any_state_by_its_secret(services: Services, refresh: Refresh) -> None:
    """Recognising is no verdict; what it is for, such as revoking, must not depend on one."""
    replaced, access = mint(services, refresh), mint(services, refresh)
    revoke(services, access)
    for issued, status in ((replaced, "superseded"), (access, "revoked")):
        text, row = services.verifier.recognise(issued.secret)
        assert (text.public_id, row.token_id, row.status) == (issued.token.public_id, issued.token.id, status)
    assert refusal_of(lambda: services.verifier.recognise(refresh.secret)) is TokenMalformed
    guessed = new_token_text(TokenKind.ACCESS).with_public_id(access.token.public_id)
    assert refusal_of(lambda: services.verifier.recognise(TEXT.compose(guessed))) is TokenUnknown


def test_a_token_without_refresh_token_or_expiry_is_good_and_has_its_description_as_name(
    services: Services, database: Database, access: Access
) -> None:
    for description, name in (("my laptop", "my laptop"), (None, "")):
        with database.transaction() as session:
            alone = {"refresh_token_id": None, "expires_at": None, "description": description, "last_used_at": NOW}
            session.execute(update(AccessTokenRow).values(**alone))
        known = services.verifier.verify(access.secret)
        assert (known.token_name, known.token_expires_at, known.refresh_token_expires_at) == (name, None, None)
        assert known.token_last_used_at == NOW


def test_expiry_is_exact_to_the_microsecond_with_no_job_run(services: Services, database: Database, anna: User) -> None:
    """◆ Fails when ``status_at`` reads ``expires_at < now``."""
    with freeze_time(NOW) as clock:
        refresh = issue(services, anna)
        access = mint(services, refresh)
        for issued in (access, refresh):
            ends = issued.token.expires_at
            assert ends is not None
            clock.move_to(ends - MICROSECOND)
            assert reason(services, issued) is None
            clock.move_to(ends)
            assert reason(services, issued) == "token_expired"
    with database.reading() as session:
        for table in (AccessTokenRow, RefreshTokenRow):
            assert set(session.scalars(select(table.status))) == {"active"}


ENDINGS: dict[str, tuple[Callable[[Services, Refresh, Access], object], str]] = {
    "revoked": (lambda its, _, access: revoke(its, access), "token_revoked"),
    "its refresh token revoked": (lambda its, refresh, _: revoke(its, refresh), "token_revoked"),
    "its refresh token regenerated": (lambda its, refresh, _: regenerate(its, refresh), "token_revoked"),
    "all of its owner's revoked": (lambda its, *_: its.revoking.revoke_user("anna", "", OPERATOR), "token_revoked"),
    "its owner disabled": (lambda its, *_: disable(its, "anna"), "owner_disabled"),
    "replaced": (lambda its, refresh, _: mint(its, refresh), "token_superseded"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ended_access_token_is_refused_for_its_own_reason(
    services: Services, refresh: Refresh, access: Access, ending: str
) -> None:
    """◆ Fails when an answer is kept: it was good a moment before."""
    end, why = ENDINGS[ending]
    services.verifier.verify(access.secret)
    end(services, refresh, access)
    with pytest.raises(TokenRefused) as refused:
        services.verifier.verify(access.secret)
    assert (refused.value.reason, refused.value.public_id) == (why, access.token.public_id)


def test_an_access_token_does_not_work_under_a_refresh_token_that_does_not(
    services: Services, database: Database, access: Access
) -> None:
    """Even if its own row is still active. Fails when the check does not look at the refresh token."""
    for values, why in (
        ({"expires_at": NOW}, "token_expired"),
        ({"status": TokenStatus.EXPIRED}, "token_expired"),
        ({"status": TokenStatus.REVOKED}, "token_revoked"),
    ):
        with database.transaction() as session:
            session.execute(update(RefreshTokenRow).values(**values))
        assert reason(services, access) == why


def test_text_that_is_no_access_token_is_malformed(services: Services, refresh: Refresh, access: Access) -> None:
    secret = access.secret
    for text in ("", "nonsense", refresh.secret, secret[:-1], f" {secret}", secret.upper()):
        assert refusal_of(partial(services.verifier.verify, text)) is TokenMalformed


def test_an_unknown_public_id_and_a_wrong_secret_are_the_same_refusal(services: Services, access: Access) -> None:
    unknown = new_token_text(TokenKind.ACCESS)
    for text in (unknown, unknown.with_public_id(access.token.public_id)):
        with pytest.raises(TokenUnknown) as refused:
            services.verifier.verify(TEXT.compose(text))
        assert refused.value.public_id is None


def _sha256(text: TokenText) -> bytes:
    return hashlib.sha256(f"v1|{text.kind}|{text.public_id}|{text.secret}".encode()).digest()


def _hmac_with(key: bytes) -> Callable[[TokenText], bytes]:
    return lambda text: hmac.digest(key, f"v1|{text.kind}|{text.public_id}|{text.secret}".encode(), "sha256")


PLANTED: dict[str, tuple[str, Callable[[TokenText], bytes]]] = {
    "a digest without a key": ("k1", _sha256),
    "a digest without a key, under an unknown key id": ("none", _sha256),
    "another key, under an unknown key id": ("mine", _hmac_with(b"m" * 32)),
    "another key, under the id of ours": ("k1", _hmac_with(b"m" * 32)),
    "an empty key": ("", _hmac_with(b"")),
    "no digest at all": ("k1", lambda _: b""),
    "zeros": ("k1", lambda _: b"\0" * 32),
    "the secret itself": ("k1", lambda text: text.secret.encode()),
}


@pytest.mark.parametrize("how", PLANTED)
def test_a_row_that_was_planted_without_the_key_does_not_authenticate(
    services: Services, database: Database, anna: User, how: str
) -> None:
    """◆ Of either tier. Fails when ``KeyRing.verifies`` takes a plain SHA-256 for a key id it does not know."""
    key_id, digest = PLANTED[how]
    access, refresh = new_token_text(TokenKind.ACCESS), new_token_text(TokenKind.REFRESH)
    with database.transaction() as session:
        for row, text in ((AccessTokenRow(uuid=str(uuid4())), access), (RefreshTokenRow(name="planted"), refresh)):
            row.public_id, row.user_id, row.key_id, row.mac = text.public_id, anna.id, key_id, digest(text)
            row.created_at, row.expires_at = system_clock(), system_clock() + DAY
            session.add(row)
    assert refusal_of(lambda: services.verifier.verify(TEXT.compose(access))) is TokenUnknown
    assert refusal_of(lambda: validate(services, TEXT.compose(refresh), anna.id)) is TokenUnknown
    assert refusal_of(lambda: mint_with(services, TEXT.compose(refresh))) is TokenUnknown
