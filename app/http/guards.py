"""Who may enter: every blueprint states it, and an application with a route that does not refuses to start.

Here belong the guards. Not here: what a dialect answers to whom it turns away (its ``errors``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, g, request

from app.domain.errors import NotPermitted, TokenMissing
from app.domain.tokens import TokenKind
from app.http.context import Asker, caller, note_use, parts, services
from app.http.credentials import access_token_text, basic_credentials

OF_NO_USE_HERE = "This token is an introspector's: it can ask about tokens, and nothing else."


@dataclass(frozen=True)
class Guard:
    """`name`: who may enter, for tests and documents. `check`: raises a Refusal for everybody else."""

    name: str
    check: Callable[[], None]


def _let_in() -> None:
    """Everybody, or whoever the view itself asks for a credential."""


def _require_token() -> None:
    known = services().verifier.verify(access_token_text(request.environ))
    g.principal = known
    if not known.role.may_enter:
        raise NotPermitted(OF_NO_USE_HERE)
    note_use(services().last_use, known, request.environ, parts().proxies)


def _require_introspector() -> None:
    known = who_asks()
    if known is None:
        raise TokenMissing(TokenKind.ACCESS)
    if not known.role.may_introspect:
        raise NotPermitted("Only administrators and introspectors may ask about tokens.")


def who_asks() -> Asker | None:
    """Who asks, by a password or an access token in the headers; None where there is no credential at all.

    Refuses, with BadCredentials or a TokenRefused, one that is not good.
    """
    is_by_token = "TOKEN" in request.headers  # then what stands in Authorization is mostly junk
    login = None if is_by_token else basic_credentials(request.headers.get("Authorization", ""))
    if login is not None:
        user = services().accounts.authenticate(*login, caller())
        asker = g.asker = Asker(user.id, user.username, user.role)
        return asker
    try:
        known = services().verifier.verify(access_token_text(request.environ))
    except TokenMissing:
        if is_by_token or "Authorization" in request.headers:
            raise
        return None
    g.principal = known
    note_use(services().last_use, known, request.environ, parts().proxies)
    return Asker(known.user_id, known.username, known.role)


ANYBODY = Guard("anybody", _let_in)
CREDENTIAL_IN_BODY = Guard("whoever proves themselves in the body", _let_in)
TOKEN_HOLDER = Guard("holder of a good access token", _require_token)
INTROSPECTOR = Guard("administrator or introspector, by password or access token", _require_introspector)


class GuardedBlueprint(Blueprint):
    """A blueprint that can't be made without saying who may enter."""

    def __init__(self, name: str, import_name: str, *, guard: Guard, **options: Any) -> None:
        super().__init__(name, import_name, **options)
        self.guard = guard
        self.before_request(guard.check)

    def add_url_rule(self, rule: str, *arguments: Any, **options: Any) -> None:
        """Both slash forms are routes of their own.

        Werkzeug would redirect from one to the other or, told not to, answer 404 to the wrong method under the
        form that is not written, and take a double slash at the end for a single one.
        """
        super().add_url_rule(rule, *arguments, **options)
        other = rule[:-1] if rule.endswith("/") else f"{rule}/"
        if other or self.url_prefix:
            super().add_url_rule(other, *arguments, **options)


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """The guard of an endpoint; None when nobody stated one."""
    blueprint = app.blueprints.get(endpoint.rpartition(".")[0])
    return blueprint.guard if isinstance(blueprint, GuardedBlueprint) else None


def refuse_unguarded_routes(app: Flask) -> None:
    """Raise RuntimeError if any route does not state who may enter."""
    unguarded = sorted(str(rule) for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is None)
    if unguarded:
        raise RuntimeError(f"routes that do not state who may enter: {', '.join(unguarded)}")
