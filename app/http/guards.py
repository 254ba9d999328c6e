"""Who may enter: every blueprint states it, and an application with a route that does not refuses to start.

Here belong the guards. Not here: what a dialect answers to whom it turns away (its ``errors``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint as FlaskBlueprint
from flask import Flask, g, request
from flask_smorest import Blueprint

from app.domain.errors import NotPermitted, TokenMissing
from app.domain.identity import Principal, Role, refuse_unless_may_enter
from app.domain.tokens import TokenKind
from app.http.context import Asker, caller, note_use, parts, services
from app.http.credentials import access_token_text, basic_credentials
from app.http.openapi import FORMS_TOO, ErrorAnswers, StrictParser, document_route

ADMINISTRATORS_ONLY = "Only server administrators may do this."


@dataclass(frozen=True)
class Guard:
    """`name`: who may enter, for tests and documents. `check`: raises a Refusal for everybody else.

    `schemes`: the ways to authenticate, as the documents call them (``app.http.openapi.SCHEMES``).
    """

    name: str
    check: Callable[[], None]
    schemes: tuple[str, ...] = ()


def _let_in() -> None:
    """Everybody, or whoever the view itself asks for a credential."""


def _require_token() -> None:
    _verify_token(refuse_unless_may_enter)


def _require_administrator() -> None:
    _verify_token(_refuse_unless_administrator)


def _verify_token(permit: Callable[[Role], None]) -> Principal:
    """The principal of the token in the headers; a role that `permit` refuses counts as a refused check."""

    def remember(found: Principal) -> None:
        g.principal = found
        permit(found.role)

    known = services().verifier.verify(access_token_text(request.environ), permit=remember)
    note_use(services().last_use, known, request.environ, parts().proxies)
    return known


def _refuse_unless_administrator(role: Role) -> None:
    refuse_unless_may_enter(role)
    if role is not Role.SERVER_ADMIN:
        raise NotPermitted(ADMINISTRATORS_ONLY)


def _refuse_unless_may_introspect(role: Role) -> None:
    if not role.may_introspect:
        raise NotPermitted("Only administrators and introspectors may ask about tokens.")


def _permit(_role: Role) -> None:
    """Any role."""


def who_asks(permit: Callable[[Role], None] = _permit) -> Asker | None:
    """Who asks, by a password or an access token in the headers; None where there is no credential at all.

    Refuses, with BadCredentials or a TokenRefused, one that is not good, and as `permit` does a role.
    """
    is_by_token = "TOKEN" in request.headers  # then what stands in Authorization is mostly junk
    login = None if is_by_token else basic_credentials(request.headers.get("Authorization", ""))
    if login is not None:
        user = services().accounts.authenticate(*login, caller()).user
        g.asker = asker = Asker(user.id, user.username, user.role)
        permit(user.role)
        return asker
    try:
        known = _verify_token(permit)
    except TokenMissing:
        if is_by_token or "Authorization" in request.headers:
            raise
        return None
    g.asker = asker = Asker(known.user_id, known.username, known.role)
    return asker


def _require_signed_in(permit: Callable[[Role], None]) -> None:
    if who_asks(permit) is None:
        raise TokenMissing(TokenKind.ACCESS)


ANYBODY = Guard("anybody", _let_in)
CREDENTIAL_IN_BODY = Guard("whoever proves themselves in the body", _let_in)
TOKEN_HOLDER = Guard("holder of a good access token", _require_token, ("token", "bearer"))
ADMINISTRATOR = Guard("administrator, by access token", _require_administrator, ("token", "bearer"))
INTROSPECTOR = Guard(
    "administrator or introspector, by password or access token",
    partial(_require_signed_in, _refuse_unless_may_introspect),
    ("basic", "token", "bearer"),
)


def _know_whoever_says() -> None:
    who_asks()


PRESENTER = Guard(
    "whoever presents a token; a credential in the headers must be good",
    _know_whoever_says,
    ("basic", "token", "bearer"),
)
SIGNED_IN = Guard(
    "whoever signs in, by password or access token",
    partial(_require_signed_in, refuse_unless_may_enter),
    ("basic", "bearer", "token"),
)


class GuardedBlueprint(Blueprint):  # type: ignore[misc]
    """A blueprint that can't be made without saying who may enter.

    `errors`: how its routes' errors look in the dialect's document; None where there is no document. `title`: what the
    document calls its routes. `parser`: what reads the bodies.
    """

    def __init__(
        self,
        name: str,
        import_name: str,
        *,
        guard: Guard,
        errors: ErrorAnswers | None = None,
        title: str = "",
        parser: StrictParser = FORMS_TOO,
        **options: Any,
    ) -> None:
        super().__init__(name, import_name, **options)
        self.ARGUMENTS_PARSER = parser
        self.guard = guard
        self.errors = errors
        self.title = title or name.replace("_", " ")
        self.before_request(guard.check)

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Callable[..., Any] | None = None, **options: Any
    ) -> None:
        """Both slash forms are routes of their own; the one that is written is documented.

        Werkzeug would redirect from one to the other or, told not to, answer 404 to the wrong method under the
        form that is not written, and take a double slash at the end for a single one.
        """
        assert view_func is not None
        if self.errors is not None:
            document_route(view_func, self.errors, self.guard.schemes)
        super().add_url_rule(rule, endpoint, view_func, **options | {"tags": options.get("tags") or [self.title]})
        other = rule[:-1] if rule.endswith("/") else f"{rule}/"
        if other or self.url_prefix:
            for_flask = {name: value for name, value in options.items() if name not in ("parameters", "tags")}
            FlaskBlueprint.add_url_rule(self, other, endpoint or view_func.__name__, view_func, **for_flask)

    def arguments(self, schema: Any, **options: Any) -> Any:
        """As flask-smorest's, with one schema for all requests: making one costs more than loading with it."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)

    def _prepare_arguments_doc(self, doc: Any, doc_info: Any, **options: Any) -> Any:
        """flask-smorest documents its own answer to a bad body, which is never given here."""
        doc_info.get("arguments", {}).pop("responses", None)
        return super()._prepare_arguments_doc(doc, doc_info, **options)


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """The guard of an endpoint; None when nobody stated one."""
    blueprint = app.blueprints.get(endpoint.rpartition(".")[0])
    return blueprint.guard if isinstance(blueprint, GuardedBlueprint) else None


def refuse_unguarded_routes(app: Flask) -> None:
    """Raise RuntimeError if any route does not state who may enter."""
    unguarded = sorted(str(rule) for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is None)
    if unguarded:
        raise RuntimeError(f"routes that do not state who may enter: {', '.join(unguarded)}")
