"""Conditions: what a proxy's configuration may demand of a good token, in the query of ``/auth/verify``.

``role=`` (repeatable: any of them) and ``kind=`` (the same). Here belong reading them and holding a principal
against them. A condition that is not understood is never met: a misspelt one must not let everybody in.
"""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from app.domain.errors import NotPermitted
from app.domain.identity import Principal, Role
from app.domain.tokens import TokenKind

MOST_QUERIES = 256
"""How many different queries are remembered; a proxy's configuration holds a few."""


@dataclass(frozen=True)
class Conditions:
    """`roles`, `kinds`: one of them is needed; empty demands nothing. `not_understood`: why this is never met."""

    roles: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    not_understood: str | None = None

    def refuse_unless_met(self, principal: Principal) -> None:
        """Refuse with NotPermitted where the token is not of the sort that is wanted here."""
        if self.not_understood:
            raise NotPermitted(self.not_understood)
        if self.roles and principal.role not in self.roles:
            raise NotPermitted(f"This is only for the roles {_listed(self.roles)}; the token's owner has another.")
        if self.kinds and principal.token_kind not in self.kinds:
            raise NotPermitted(f"This is only for tokens of the kinds {_listed(self.kinds)}.")


@lru_cache(MOST_QUERIES)
def conditions_of(query: str) -> Conditions:
    """The conditions in a query string."""
    wanted: dict[str, set[str]] = {"role": set(), "kind": set()}
    known = {"role": frozenset(Role), "kind": frozenset(TokenKind)}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            return Conditions(not_understood=f"The proxy's condition {name!a} is not known: there are role and kind.")
        if value not in known[name]:
            return Conditions(not_understood=f"The proxy's condition {name}={value!a} names no {name} there is.")
        wanted[name].add(value)
    return Conditions(frozenset(wanted["role"]), frozenset(wanted["kind"]))


def _listed(words: frozenset[str]) -> str:
    return " or ".join(sorted(words))
