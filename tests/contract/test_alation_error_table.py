"""The dialect's table of errors is complete: a walk of every refusal.

Here belongs what must be true of the table itself. Not here: how a refusal comes about (``test_alation_errors``,
``test_alation_refused_tokens``).
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from app.api.integration_v1.errors import RESOURCE_TABLE, TABLE, refuse
from app.domain import errors
from app.domain.errors import Refusal, TokenRefused, every_refusal
from app.domain.tokens import TokenKind
from tests.contract.asking import NO_CREDENTIALS, PREFIX


def example(kind: type[Refusal]) -> Refusal:
    """A refusal of that class, as it would be raised."""
    if issubclass(kind, TokenRefused):
        return kind(TokenKind.REFRESH, "publicid1234", datetime(2026, 1, 1, tzinfo=UTC))
    arguments: dict[type[Refusal], tuple[Any, ...]] = {
        errors.BadRequest: ("A message with {braces}.",),
        errors.NotPermitted: ("Not {allowed}.",),
        errors.LimitReached: ("refresh tokens", 3),
        errors.NotFound: ("user",),
        errors.FeatureOff: ("Turned off.",),
        errors.Conflict: ("Not {now}.",),
        errors.RateLimited: (7,),
        errors.Unavailable: ("the database is away",),
    }
    return kind(*arguments.get(kind, ()))


@pytest.mark.parametrize("kind", list(every_refusal()), ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_line_in_both_tables_and_can_be_said(app: Flask, kind: type[Refusal]) -> None:
    """Fails when a class is added to the tree, or a line taken out of the table (tried with Conflict)."""
    assert kind in TABLE
    assert kind in RESOURCE_TABLE
    for path in (f"{PREFIX}/createRefreshToken/", f"{PREFIX}/userinfo/"):
        with app.test_request_context(path, method="GET" if "userinfo" in path else "POST"):
            answer = refuse(example(kind))
            body = answer.get_json()
        table = RESOURCE_TABLE if "userinfo" in path else TABLE
        assert answer.status_code == table[kind][0]
        assert body["code"] == f"{answer.status_code}000"
        assert body["message"] == body["detail"] != ""
        expected = "token_unknown" if kind is errors.TokenMalformed and table is TABLE else kind.reason
        assert body["reason"] == expected


def test_the_tables_hold_nothing_but_refusals() -> None:
    assert set(TABLE) == set(RESOURCE_TABLE) == set(every_refusal())


def test_whatever_is_wrong_with_a_token_is_a_403_on_a_resource_and_a_401_at_an_endpoint() -> None:
    for kind in every_refusal():
        if issubclass(kind, TokenRefused):
            assert TABLE[kind][0] == 401
            assert RESOURCE_TABLE[kind] == (403, NO_CREDENTIALS)


def test_the_reasons_are_the_contracts_words() -> None:
    assert {kind.reason for kind in every_refusal()} == {
        "bad_request", "bad_credentials", "not_permitted", "limit_reached", "not_found", "feature_off", "conflict",
        "rate_limited", "unavailable", "token_missing", "token_malformed", "token_unknown", "user_id_mismatch",
        "token_expired", "token_revoked", "token_superseded", "owner_disabled", "owner_denied", "api_tokens_off",
    }  # fmt: skip
