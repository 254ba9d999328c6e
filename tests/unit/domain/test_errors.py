"""The tree of refusals: its drawing, and the reasons that programs test."""

import re

from app.domain import errors
from app.domain.errors import Refusal, every_refusal

REASONS = {
    "bad_request", "bad_credentials", "session_ended", "temporary_password", "sign_in_refused", "not_permitted",
    "limit_reached", "not_found", "feature_off", "conflict", "wrong_code", "second_factor_required",
    "rate_limited", "unavailable", "token_missing", "token_malformed", "token_unknown", "user_id_mismatch",
    "token_expired", "token_revoked", "token_superseded", "owner_disabled", "owner_denied", "api_tokens_off",
    "owner_must_sign_in",
}  # fmt: skip
"""Clients test these words: changing one breaks them, so it has to be changed here too."""


def test_the_reasons_are_the_ones_clients_know_each_named_as_its_class() -> None:
    assert sorted(each.reason for each in every_refusal()) == sorted(REASONS)
    assert all(each.reason.replace("_", "") == each.__name__.lower() for each in every_refusal())


def test_the_tree_in_the_docstring_is_the_tree_that_exists() -> None:
    drawn = set(_drawn(errors.__doc__ or ""))
    assert drawn == set(_existing(Refusal))
    assert len(drawn) == len(REASONS) + 1  # and TokenRefused, which is never raised itself


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
