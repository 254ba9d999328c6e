"""Access guards: each blueprint has one, and an application with an unguarded route does not start.

Not here: the answers to refused requests (each dialect's ``errors``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Blueprint as FlaskBlueprint
from flask import Flask, current_app, g, request
from flask_smorest import Blueprint
from werkzeug.routing import Rule

from app.domain.credentials import BY_PASSWORD
from app.domain.errors import NotPermitted, TokenMissing
from app.domain.identity import Caller, Principal, Role, refuse_unless_may_use_apis
from app.domain.ladder import ADMINISTRATORS_ONLY, TOKENS, Act, Proof
from app.domain.tokens import TokenKind
from app.http.acts import CHANGING, declared_of
from app.http.context import CurrentUser, caller, note_use, parts, services
from app.http.credentials import access_token_text, basic_credentials
from app.http.openapi import FORMS_TOO, ErrorAnswers, StrictParser, document_route
from app.services.password_proofs import Proof as PasswordProof


@dataclass(frozen=True)
class Guard:
    """`name`: who has access, for people. `check`: raises a Refusal for everyone else.

    `schemes`: the accepted ways to authenticate, by their names in ``app.http.openapi.SCHEMES``. `proofs`: what that
    proves, in the terms of the ladder of credentials. `is_for_administrators`: it refuses all others, and what is
    refused behind it is recorded in the audit log.
    """

    name: str
    check: Callable[[], None]
    schemes: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()
    is_for_administrators: bool = False


def allow() -> None:
    """Everyone; the view may require a credential in the body."""


def _require_token() -> None:
    _verify_token(access_token_text(request.environ), refuse_unless_may_use_apis)


def _require_administrator() -> None:
    _verify_token(access_token_text(request.environ), refuse_unless_may_use_apis, _refuse_unless_administrator)


def permit_all(_role: Role) -> None:
    """Any role."""


def _verify_token(
    text: str, permit: Callable[[Role], None], permit_here: Callable[[Role], None] = permit_all
) -> Principal:
    """The principal of a token; a role that is refused counts as a refused check.

    `permit` comes before the use is noted, `permit_here` after it: a token that is refused at one place was used.
    """

    def set_principal(verified: Principal) -> None:
        g.principal = verified
        permit(verified.role)
        note_use(services().last_use, verified, request.environ, parts().proxies)
        permit_here(verified.role)

    return services().verifier.verify(text, permit=set_principal)


def _refuse_unless_administrator(role: Role) -> None:
    if role is not Role.SERVER_ADMIN:
        raise NotPermitted(ADMINISTRATORS_ONLY)


def refuse_unless_may_introspect(role: Role) -> None:
    """Refuse with NotPermitted a role without the permission."""
    if not role.may_introspect:
        raise NotPermitted("Only administrators and introspectors may introspect tokens.")


SignIn = Callable[[str, str, Caller], PasswordProof]


def authenticate_request(
    permit: Callable[[Role], None] = permit_all, sign_in: SignIn | None = None
) -> CurrentUser | None:
    """The user of the password or access token in the headers; None without a credential.

    `sign_in`: authenticates by user name and password, instead of :meth:`Accounts.authenticate`. Refuses with
    BadCredentials, a TokenRefused, and as `permit` does.
    """
    is_by_token = "TOKEN" in request.headers  # then Authorization is mostly junk
    login = None if is_by_token else basic_credentials(request.headers.get("Authorization", ""))
    if login is not None:
        proof = (sign_in or services().accounts.authenticate)(*login, caller())
        user = proof.user
        g.current_user = current_user = CurrentUser(
            user.id, user.username, user.role, replace(BY_PASSWORD, digest=proof.digest)
        )
        permit(user.role)
        return current_user
    try:
        text = access_token_text(request.environ)
    except TokenMissing:
        if is_by_token or "Authorization" in request.headers:
            raise
        return None
    return authenticate_token(text, permit)


def authenticate_token(text: str, permit: Callable[[Role], None]) -> CurrentUser:
    """The user of an access token. Refuses with a TokenRefused, and as `permit` does."""
    known = _verify_token(text, permit_all, permit)
    g.current_user = current_user = CurrentUser(known.user_id, known.username, known.role, known.credential)
    return current_user


def _require_signed_in(permit: Callable[[Role], None]) -> None:
    if authenticate_request(permit) is None:
        raise TokenMissing(TokenKind.ACCESS)


ANYBODY = Guard("everyone", allow)
CREDENTIAL_IN_BODY = Guard("credential in the body", allow, proofs=(Proof.PASSWORD, Proof.OWN_SECRET))
TOKEN_HOLDER = Guard("active access token", _require_token, ("token", "bearer"), TOKENS)
ADMINISTRATOR = Guard(
    "administrator, by access token", _require_administrator, ("token", "bearer"), TOKENS, is_for_administrators=True
)
SIGNED_IN = Guard(
    "user, by password or access token",
    partial(_require_signed_in, refuse_unless_may_use_apis),
    ("basic", "bearer", "token"),
    (Proof.PASSWORD, *TOKENS),
)


class GuardedBlueprint(Blueprint):  # type: ignore[misc]
    """A blueprint with an access guard.

    `errors`: the errors in the dialect's document; None without a document. `title`: of its routes in the document.
    `parser`: of the bodies.
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
        self._undocumented: list[Callable[[], None]] = []
        self.ARGUMENTS_PARSER = parser
        self.guard = guard
        self.errors = errors
        self.title = title or name.replace("_", " ")
        self.before_request(guard.check)

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Callable[..., Any] | None = None, **options: Any
    ) -> None:
        """Add both slash forms as routes; the given one is documented.

        Werkzeug would redirect; with ``strict_slashes`` off it answers 404 to a wrong method under the other form, and
        accepts a double slash at the end.
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
        """As flask-smorest's, with one schema instance for all requests: creating one costs more than loading."""
        instance = schema() if isinstance(schema, type) else schema
        instance.__deepcopy__ = lambda _memo: instance  # each further decorator copies the notes for the document
        return super().arguments(instance, **options)

    def _store_endpoint_docs(self, *route: Any, **options: Any) -> None:
        """Keep the notes for a document until it is generated: copying them at the start takes time and memory."""
        if self.errors is not None:
            self._undocumented.append(partial(super()._store_endpoint_docs, *route, **options))

    def register_views_in_doc(self, *given: Any, **named: Any) -> None:
        while self._undocumented:
            self._undocumented.pop(0)()
        super().register_views_in_doc(*given, **named)

    def _prepare_arguments_doc(self, doc: Any, doc_info: Any, **options: Any) -> Any:
        """Removes flask-smorest's own answer to a bad body, which is not used here."""
        doc_info.get("arguments", {}).pop("responses", None)
        return super()._prepare_arguments_doc(doc, doc_info, **options)


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """The guard of an endpoint, if it has one."""
    blueprint = app.blueprints.get(endpoint.rpartition(".")[0])
    return blueprint.guard if isinstance(blueprint, GuardedBlueprint) else None


def is_administrative() -> bool:
    """Whether the route of this request is for administrators."""
    guard = guard_of(current_app, request.endpoint or "")
    return guard is not None and guard.is_for_administrators


def refuse_unguarded_routes(app: Flask) -> None:
    """Raise RuntimeError if a route has no guard, or does not state its acts, or some that its guard never accepts."""
    unguarded = sorted(str(rule) for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is None)
    if unguarded:
        raise RuntimeError(f"routes without an access guard: {', '.join(unguarded)}")
    changing = [rule for rule in app.url_map.iter_rules() if CHANGING & (rule.methods or set())]
    wrong = sorted(each for rule in changing for each in _wrong(app, rule))
    if wrong:
        raise RuntimeError(f"routes off the ladder of credentials: {'; '.join(wrong)}")


def _wrong(app: Flask, rule: Rule) -> Iterator[str]:
    """What is wrong with the acts of a route: not stated, or not possible with what its guard accepts."""
    declared, guard = declared_of(app, rule.endpoint), guard_of(app, rule.endpoint)
    assert guard is not None
    if declared is None:
        yield f"{rule} does not state what it does (app.http.acts.does)"
        return
    for act in declared.acts:
        if not set(guard.proofs) & set(act.rule.needs):
            yield f"{rule}: what its guard accepts is never enough to {act.rule.words}"
        if act.rule.is_of_others and not guard.is_for_administrators and Act.REVOKE_OWN not in declared.acts:
            yield f"{rule}: its guard accepts others than administrators, who may {act.rule.words}"
