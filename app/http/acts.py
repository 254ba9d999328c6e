"""What each route that can change something does, as acts of the ladder of credentials (``app.domain.ladder``).

Not here: comparing it with what the route accepts (``guards``), and asking for a proof (``app.web.fresh_proof``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask

from app.domain.ladder import Act

View = TypeVar("View", bound=Callable[..., Any])

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ATTRIBUTE = "acts_of_route"


@dataclass(frozen=True)
class Declared:
    """`has_password_field`: the form itself asks for the password where no proof is recent."""

    acts: tuple[Act, ...]
    has_password_field: bool = False

    @property
    def needs_fresh_proof(self) -> bool:
        """Whether an act needs a session that was proved recently."""
        return any(act.needs_fresh_proof for act in self.acts)

    @property
    def asks_for_password(self) -> bool:
        """Whether a page asks for it before the form is accepted; the password, where that is the user's proof."""
        return not self.has_password_field and self.needs_fresh_proof


def does(*acts: Act, has_password_field: bool = False) -> Callable[[View], View]:
    """A decorator of views that can change something. Without acts: no credential and no right is affected."""

    def declare(view: View) -> View:
        setattr(view, ATTRIBUTE, Declared(acts, has_password_field))
        return view

    return declare


def declared_of(app: Flask, endpoint: str) -> Declared | None:
    """What the view of an endpoint declares, if it does."""
    found: Declared | None = getattr(app.view_functions[endpoint], ATTRIBUTE, None)
    return found
