"""The tree of refusals: its drawing, and the words that programs test.

Here belongs ``app.domain.errors``. Not here: what a dialect answers (``tests/contract``).
"""

import re

import pytest

from app.domain import errors
from app.domain.errors import Refusal, every_refusal

REASONS = {
    "BadRequest": "bad_request",
    "BadCredentials": "bad_credentials",
    "NotPermitted": "not_permitted",
    "LimitReached": "limit_reached",
    "NotFound": "not_found",
    "FeatureOff": "feature_off",
    "Conflict": "conflict",
    "RateLimited": "rate_limited",
    "Unavailable": "unavailable",
    "TokenMissing": "token_missing",
    "TokenMalformed": "token_malformed",
    "TokenUnknown": "token_unknown",
    "UserIdMismatch": "user_id_mismatch",
    "TokenExpired": "token_expired",
    "TokenRevoked": "token_revoked",
    "TokenSuperseded": "token_superseded",
    "OwnerDisabled": "owner_disabled",
    "OwnerDenied": "owner_denied",
    "ApiTokensOff": "api_tokens_off",
}
"""Clients test these words: changing one breaks them, so it has to be changed here too."""


def test_the_reasons_are_the_ones_clients_know() -> None:
    assert {each.__name__: each.reason for each in every_refusal()} == REASONS


def test_no_two_refusals_have_the_same_reason() -> None:
    reasons = [each.reason for each in every_refusal()]
    assert len(reasons) == len(set(reasons))


def test_the_tree_in_the_docstring_is_the_tree_that_exists() -> None:
    drawn = set(_drawn(errors.__doc__ or ""))
    assert drawn == set(_existing(Refusal))
    assert len(drawn) == len(REASONS) + 1  # and TokenRefused, which is never raised itself


@pytest.mark.parametrize("refusal", list(every_refusal()))
def test_a_refusal_is_caught_as_the_root(refusal: type[Refusal]) -> None:
    arguments = {"fields": {}, "kind": "access", "what": "it", "message": "no", "limit": 1, "retry_after": 1}
    needed = refusal.__match_args__ if hasattr(refusal, "__match_args__") else ()
    made = refusal(**{name: arguments[name] for name in needed if name in arguments})
    with pytest.raises(Refusal) as caught:
        raise made
    assert caught.value.reason == REASONS[refusal.__name__]


def _existing(root: type[Refusal]) -> list[tuple[str, str]]:
    """Pairs of parent and child."""
    pairs = [(root.__name__, each.__name__) for each in root.__subclasses__()]
    return pairs + [pair for each in root.__subclasses__() for pair in _existing(each)]


def _drawn(text: str) -> list[tuple[str, str]]:
    """The same from the drawing: a child stands four columns to the right of its parent."""
    pairs: list[tuple[str, str]] = []
    above: list[str] = []
    for line in text.splitlines():
        found = re.match(r"    ((?:[│ ]   )*)(?:[├└]── )?(\w+)(?:\s{2}|$)", line)
        if not found:
            continue
        depth = len(found[1]) // 4 + ("── " in line)
        above[depth:] = [found[2]]
        if depth:
            pairs.append((above[depth - 1], found[2]))
    return pairs
