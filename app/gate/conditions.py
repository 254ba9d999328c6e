"""Conditions of a proxy in the query of ``/auth/verify``: ``role=`` and ``kind=``, each repeatable (any of them).

An unknown condition is never met: a misspelt one must not give everyone access.
"""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from app.domain.errors import NotPermitted
from app.domain.identity import Principal, Role
from app.domain.masking import mask
from app.domain.tokens import TokenKind

MOST_QUERIES = 256
"""How many different queries are cached; a proxy's configuration has a few."""


@dataclass(frozen=True)
class Conditions:
    """`roles`, `kinds`: one of them is required, unless empty. `error`: why the conditions are never met."""

    roles: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    error: str | None = None

    def refuse_unless_met(self, principal: Principal) -> None:
        """Refuse with NotPermitted a principal that does not meet them."""
        if self.error:
            raise NotPermitted(self.error)
        if self.roles and principal.role not in self.roles:
            raise NotPermitted(f"This requires one of these roles: {_listed(self.roles)}.")
        if self.kinds and principal.token_kind not in self.kinds:
            raise NotPermitted(f"This requires a token of one of these kinds: {_listed(self.kinds)}.")


@lru_cache(MOST_QUERIES)
def conditions_of(query: str) -> Conditions:
    """Parse the conditions of a query string."""
    required: dict[str, set[str]] = {"role": set(), "kind": set()}
    known = {"role": frozenset(Role), "kind": frozenset(TokenKind)}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            return Conditions(error=f"The proxy's condition {mask(name)!a} is unknown: use role or kind.")
        if value not in known[name]:
            return Conditions(error=f"The proxy's condition {name}={mask(value)!a} is not a {name}.")
        required[name].add(value)
    return Conditions(frozenset(required["role"]), frozenset(required["kind"]))


def _listed(words: frozenset[str]) -> str:
    return " or ".join(sorted(words))
