"""What a search of the audit log finds, and where it does not look at all events, that it says so."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.domain.audit import Result
from app.domain.audit_search import AuditSearch
from app.storage import audit_search
from app.storage.audit_tables import AuditEventRow
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW, plant_user

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)


def plant(session: Session, **values: Any) -> int:
    usual = {"actor": "anna", "actor_id": 1, "action": "user.created", "object_kind": "user", "object_id": "berta"}
    row = AuditEventRow(**usual | {"at": NOW, "result": "done", "detail": "{}"} | values)
    session.add(row)
    session.flush()
    return row.id


def found(session: Session, text: str | None = None, limit: int = 100, **narrowing: Any) -> list[int]:
    where = audit_search.reach(session, AuditSearch(text, **narrowing))
    if where is None:
        return []
    ids = [row.id for row in audit_search.page(session, where, None, limit)]
    assert audit_search.count(session, where) == len(ids) or limit < 100
    return ids


def test_text_finds_parts_of_names_of_people_commands_and_jobs(session: Session) -> None:
    plant_user(session, username="vera", first_name="Vera", last_name="Lindqvist", email="vl@example.com")
    by_vera, of_vera = plant(session, actor="vera"), plant(session, object_id="vera")
    by_job = plant(session, actor="job:purge_tokens", actor_id=None, object_id="x")
    by_command = plant(session, actor="cli:root", actor_id=None, object_id="y")
    for text in ("VER", "lindq", "vl@"):
        assert found(session, text) == [of_vera, by_vera], text
    assert (found(session, "purge_tok"), found(session, "cli:")) == ([by_job], [by_command])
    assert found(session, "nobody") == []


def test_text_finds_parts_of_actions_in_code_and_in_words(session: Session) -> None:
    minted = plant(session, action="access_token.minted", object_id="k2v8s0d1m4tt")
    disabled = plant(session, action="user.disabled")
    for text, expected in (
        ("disab", [disabled]), ("user.dis", [disabled]), ("token requested", [minted]), ("minted", [minted]),
    ):  # fmt: skip
        assert found(session, text) == expected, text


def test_text_finds_a_token_with_or_without_what_its_id_begins_with_and_a_setting(session: Session) -> None:
    token = plant(session, action="refresh_token.revoked", object_kind="refresh_token", object_id="3gr5lo7qmcxg")
    setting = plant(session, action="instance_setting.changed", object_id="retention_days")
    for text in ("3gr5lo7qmcxg", "dpr_3gr5lo7qmcxg…", " DPR_3GR5LO7QMCXG"):
        assert found(session, text) == [token], text
    assert found(session, "retention_d") == [setting]


def test_text_finds_an_address_or_a_request_as_a_whole(session: Session) -> None:
    here = plant(session, address="10.20.4.2", request_id="ab" * 16)
    plant(session, address="10.20.4.20", request_id="cd" * 16)
    assert found(session, "10.20.4.2") == found(session, "ab" * 16) == [here]
    assert found(session, "10.20.4") == []


def test_what_narrows_narrows_together_also_what_text_found(session: Session) -> None:
    refused = plant(session, action="sign_in.refused", result="refused", object_id="anna", at=NOW + HOUR)
    minted = plant(session, action="access_token.minted", object_id="k2v8s0d1m4tt", at=NOW + HOUR)
    first = plant(session, request_id="ab" * 16)
    second = plant(session, request_id="ab" * 16, at=NOW + MINUTE)
    plant(session, request_id="ab" * 16, at=NOW + 11 * MINUTE)
    assert found(session, "anna", result=Result.REFUSED) == found(session, result=Result.REFUSED) == [refused]
    assert minted not in found(session, without_mints=True) and refused in found(session, without_mints=True)
    assert found(session, request_id="ab" * 16, around=first) == [second, first]
    assert found(session, "anna", since=NOW + HOUR, without_mints=True) == [refused]
    assert found(session, since=NOW, until=NOW + MICROSECOND) == [first]
    assert found(session, object_id="k2v8s0d1m4tt", actor="anna") == [minted]
    assert found(session, action="access_token.minted") == [minted]
    assert found(session, since=NOW + 2 * HOUR) == []


def test_an_event_of_a_clock_that_was_wrong_is_found_at_its_time(session: Session) -> None:
    """Fails when the last id of a period is taken to be that of its last time (tried)."""
    late, early = plant(session, at=NOW + HOUR), plant(session, at=NOW)
    assert found(session, since=NOW, until=NOW + MICROSECOND) == [early]
    assert found(session, since=NOW) == [early, late]


def test_pages_are_read_both_ways_also_of_several_branches(session: Session) -> None:
    plant_user(session, username="vera")
    whole = [plant(session, **({"actor": "vera"} if number % 2 else {"object_id": "vera"})) for number in range(9)][
        ::-1
    ]
    where = audit_search.reach(session, AuditSearch("vera"))
    assert where is not None
    assert list(_read(session, where)) == whole
    back = [row.id for row in audit_search.page(session, where, whole[5], 3, is_backwards=True)]
    assert back == whole[2:5][::-1]
    assert audit_search.count(session, where, whole[5]) == 5


def _read(session: Session, where: audit_search.Reach) -> Iterator[int]:
    after: int | None = None
    while rows := audit_search.page(session, where, after, 2):
        yield from (row.id for row in rows)
        after = rows[-1].id


def test_what_no_index_finds_is_looked_for_among_the_newest_and_the_search_says_since_when(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_search, "MOST_FOR_IDS", 3)
    monkeypatch.setattr(audit_search, "MOST_FOR_NAMES", 3)
    monkeypatch.setattr(audit_search, "MOST_NAMES", 1)
    for name in ("anna", "annabel"):
        plant_user(session, username=name)
    ids = [plant(session, actor=name, address="192.0.2.7", at=NOW + number * HOUR)
           for number, name in enumerate(("anna", "annabel", "anna", "annabel", "carl"))]  # fmt: skip
    for text, expected in (("192.0.2.7", ids[:1:-1]), ("ann", ids[3:1:-1])):
        where = audit_search.reach(session, AuditSearch(text))
        assert where is not None and where.since == NOW + 2 * HOUR, text
        assert [row.id for row in audit_search.page(session, where, None, 9)] == expected
    for narrower in (AuditSearch("192.0.2.7", since=NOW + 2 * HOUR), AuditSearch("annab")):
        where = audit_search.reach(session, narrower)
        assert where is not None and where.since is None, narrower


def test_no_more_is_counted_than_is_said(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_search, "MOST_COUNTED", 3)
    for _ in range(6):
        plant(session)
    for search in (AuditSearch(), AuditSearch("created")):
        where = audit_search.reach(session, search)
        assert where is not None and audit_search.count(session, where) == 4
