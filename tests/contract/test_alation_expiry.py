"""Expiry to the microsecond, with the clock stopped by freezegun and the scheduler never run.

Valid one microsecond before `expires_at`, expired at that instant and ever after; and when the scheduler's job does
run, nothing changes but what is stored as the status. Here belongs the instant of expiry through HTTP. Not here:
the other reasons a token stops working (``test_alation_refused_tokens``).
"""

from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import select

from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.jobs import find_job
from app.services import Services
from app.storage.database import Base, Database
from tests.contract.asking import ACCESS_ENDED, NO_CREDENTIALS, REFRESH_ENDED, Alation, said
from tests.contract.conftest import Setting
from tests.factories import PASSWORD, issue, make_user, mint

MICROSECOND = timedelta(microseconds=1)
REFRESH_EXPIRED = (401, REFRESH_ENDED, "token_expired")
ACCESS_EXPIRED = (401, ACCESS_ENDED, "token_expired")
USE_EXPIRED = (403, NO_CREDENTIALS, "token_expired")

# A whole second, the last microsecond of one, and an instant in the middle: spellings of equal length must not matter.
BEGINNINGS = ["2030-01-01T00:00:00.000000", "2030-01-01T00:00:00.999999", "2030-01-01T12:34:56.500000"]

Tables = dict[str, dict[Any, dict[str, Any]]]


def refresh_proof(refresh: Issued[RefreshToken]) -> dict[str, Any]:
    return {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}


def access_proof(access: Issued[AccessToken]) -> dict[str, Any]:
    return {"api_access_token": access.secret, "user_id": access.token.user_id}


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_refresh_token_validates_until_its_expiry_and_not_at_it(
    alation: Alation, services: Services, beginning: str
) -> None:
    """Fails when `status_at` says `<` instead of `<=` (tried: 200 at the instant itself)."""
    with freeze_time(beginning) as frozen:
        proof = refresh_proof(refresh := issue(services, make_user(services)))
        frozen.move_to(refresh.token.expires_at - MICROSECOND)
        assert alation.post("validateRefreshToken", **proof).get_json()["token_status"] == "ACTIVE"
        for instant in (refresh.token.expires_at, refresh.token.expires_at + MICROSECOND):
            frozen.move_to(instant)
            assert said(alation.post("validateRefreshToken", **proof)) == REFRESH_EXPIRED


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_refresh_token_mints_until_its_expiry_and_not_at_it(
    alation: Alation, services: Services, beginning: str
) -> None:
    """Fails when `is_active_at` says `>=` for `>` and `status_at` says `<` (tried: 201 at the instant itself)."""
    with freeze_time(beginning) as frozen:
        proof = refresh_proof(refresh := issue(services, make_user(services)))
        frozen.move_to(refresh.token.expires_at - MICROSECOND)
        minted = alation.post("createAPIAccessToken", **proof)
        assert minted.status_code == 201
        token = minted.get_json()["api_access_token"]
        assert alation.use(token).status_code == 200  # for its one microsecond
        for instant in (refresh.token.expires_at, refresh.token.expires_at + MICROSECOND):
            frozen.move_to(instant)
            assert said(alation.post("createAPIAccessToken", **proof)) == REFRESH_EXPIRED
            assert said(alation.post("revokeAPIAccessTokens", **proof)) == REFRESH_EXPIRED
            assert said(alation.use(token)) == USE_EXPIRED


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_an_access_token_works_until_its_expiry_and_not_at_it(
    alation: Alation, services: Services, beginning: str
) -> None:
    """Fails when `status_at` says `<` instead of `<=` (tried: 200 at the instant itself)."""
    with freeze_time(beginning) as frozen:
        access = mint(services, issue(services, make_user(services)))
        assert access.token.expires_at is not None
        frozen.move_to(access.token.expires_at - MICROSECOND)
        assert alation.post("validateAPIAccessToken", **access_proof(access)).status_code == 200
        assert alation.use(access.secret).status_code == 200
        for instant in (access.token.expires_at, access.token.expires_at + MICROSECOND):
            frozen.move_to(instant)
            assert said(alation.post("validateAPIAccessToken", **access_proof(access))) == ACCESS_EXPIRED
            assert said(alation.use(access.secret)) == USE_EXPIRED


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_refresh_token_created_with_a_password_lives_exactly_sixty_days(
    alation: Alation, services: Services, beginning: str
) -> None:
    with freeze_time(beginning) as frozen:
        user = make_user(services, password=PASSWORD)
        created = alation.post("createRefreshToken", username=user.username, password=PASSWORD, name="bi").get_json()
        proof = {"refresh_token": created["refresh_token"], "user_id": user.id}
        frozen.tick(timedelta(days=60) - MICROSECOND)
        assert alation.post("validateRefreshToken", **proof).status_code == 200
        frozen.tick(MICROSECOND)
        assert said(alation.post("validateRefreshToken", **proof)) == REFRESH_EXPIRED


def test_an_overlap_ends_at_its_last_instant(alation: Alation, services: Services, setting: Setting) -> None:
    with freeze_time("2030-01-01") as frozen, setting(access_token_reissue="overlap"):
        refresh = issue(services, make_user(services))
        access = mint(services, refresh)
        mint(services, refresh)
        end = access.token.created_at + timedelta(seconds=60)
        frozen.move_to(end - MICROSECOND)
        assert alation.use(access.secret).status_code == 200
        for instant in (end, end + MICROSECOND):
            frozen.move_to(instant)
            assert said(alation.use(access.secret)) == (403, NO_CREDENTIALS, "token_superseded")


def rows(database: Database) -> Tables:
    """All rows of all tables, by table and primary key."""
    with database.reading() as session:
        return {
            table.name: {
                tuple(row[column.name] for column in table.primary_key): dict(row)
                for row in session.execute(select(table)).mappings()
            }
            for table in Base.metadata.sorted_tables
        }


WRITTEN_DOWN = {"active": "expired", "overlapping": "superseded"}
"""What the job makes of a stored status once the token's time is over."""


def written_down(tables: Tables, now: datetime) -> Tables:
    """The rows as the job must leave them at `now`."""
    for name in ("refresh_tokens", "access_tokens"):
        for row in tables[name].values():
            if row["expires_at"] <= now:
                row["status"] = WRITTEN_DOWN.get(row["status"], row["status"])
    return tables


def test_the_scheduler_writes_down_the_status_and_changes_nothing_else(
    alation: Alation, services: Services, database: Database, setting: Setting
) -> None:
    with freeze_time("2030-01-01") as frozen:
        with setting(access_token_reissue="overlap"):
            overlapping, _ = mint(services, other := issue(services, make_user(services))), mint(services, other)
        refresh = issue(services, make_user(services))
        replaced, access = mint(services, refresh), mint(services, refresh)
        bystander = issue(services, make_user(services))
        frozen.move_to(refresh.token.expires_at - MICROSECOND)
        last = mint(services, refresh)
        frozen.move_to(refresh.token.expires_at)
        younger = mint(services, renewed := issue(services, make_user(services)))

        def every_answer() -> list[tuple[int, bytes]]:
            proofs = [refresh_proof(token) for token in (refresh, bystander, renewed)]
            answers = [alation.post("validateRefreshToken", **proof) for proof in proofs]
            for endpoint in ("createAPIAccessToken", "revokeAPIAccessTokens"):
                answers.append(alation.post(endpoint, **proofs[0]))
            for token in (replaced, overlapping, access, last, younger):
                answers += [alation.use(token.secret), alation.post("validateAPIAccessToken", **access_proof(token))]
            return [(answer.status_code, answer.data) for answer in answers]

        answers = every_answer()
        before = rows(database)
        job = find_job("expire_tokens")
        assert job is not None
        assert job.run(services) > 0
        after = rows(database)

        by_id = {
            kind: {row["id"]: row["status"] for row in after[kind].values()}
            for kind in ("refresh_tokens", "access_tokens")
        }
        assert by_id["refresh_tokens"][refresh.token.id] == "expired"
        assert by_id["refresh_tokens"][renewed.token.id] == "active"
        assert by_id["access_tokens"][last.token.id] == "expired"
        assert by_id["access_tokens"][younger.token.id] == "active"
        assert by_id["access_tokens"][replaced.token.id] == "superseded"
        assert by_id["access_tokens"][overlapping.token.id] == "superseded"
        assert written_down(before, refresh.token.expires_at) == after
        assert job.run(services) == 0
        assert every_answer() == answers
