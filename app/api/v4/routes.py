"""Making, listing and deleting one's own tokens; who one is; this dialect's document.

Credential and body in, one service call, success out. Not here: a rule, or an error (``errors``).
"""

from typing import Any

from flask import Response, jsonify, request
from werkzeug.exceptions import MethodNotAllowed

from app.api.v4 import schemas
from app.api.v4.errors import ERRORS, PREFIX, name_request
from app.domain.identity import Role
from app.domain.tokens import AccessToken
from app.http.context import asker, caller, document, services
from app.http.documents import refuse_while_off
from app.http.guards import SIGNED_IN, Guard, GuardedBlueprint
from app.http.openapi import JSON_ONLY


def _refuse_other_methods_while_off() -> None:
    """A method that there is not is found out before any guard is asked."""
    is_other_method = isinstance(request.routing_exception, MethodNotAllowed)
    if is_other_method and request.path.startswith(f"{PREFIX}/apiAccessTokens"):
        services().single_tier.refuse_while_off()


def _require_signed_in_while_on() -> None:
    """While the feature is off there is no such route, whoever asks."""
    services().single_tier.refuse_while_off()
    SIGNED_IN.check()


WHILE_ON = Guard(f"{SIGNED_IN.name}, while API tokens are on", _require_signed_in_while_on, SIGNED_IN.schemes)

tokens = GuardedBlueprint(
    "v4_tokens",
    __name__,
    url_prefix=f"{PREFIX}/apiAccessTokens",
    guard=WHILE_ON,
    errors=ERRORS,
    title="Your tokens",
    parser=JSON_ONLY,
)
resources = GuardedBlueprint(
    "v4_resources", __name__, url_prefix=PREFIX, guard=SIGNED_IN, errors=ERRORS, title="Whoever signed in"
)

tokens.before_app_request(_refuse_other_methods_while_off)

for _each in (tokens, resources):
    _each.after_request(name_request)

Members = dict[str, Any]


@tokens.post("")
@tokens.arguments(schemas.NewToken)
@tokens.response(201, schemas.CreatedToken)
def create(sent: Members) -> Members:
    """Make a token. Its value is told in this answer only."""
    issued = services().single_tier.generate(asker().user_id, sent["lifetimeSeconds"], sent["description"], caller())
    return {"tokenValue": issued.secret, "tokenInfo": issued.token}


@tokens.get("")
@tokens.arguments(schemas.Wanted, location="query")
@tokens.response(200, schemas.TokenList)
def listed(wanted: Members) -> Members:
    """Your own tokens, oldest first, expired ones included."""
    single_tier, counted = services().single_tier, wanted["includeCount"]
    own = single_tier.own(asker().user_id, wanted.get("limit"), wanted["offset"], counted=counted)
    return {"data": own.items} | ({} if own.count is None else {"count": own.count})


@tokens.get("/<tokenId>")
@tokens.response(200, schemas.TokenInfo)
def shown(tokenId: str) -> AccessToken:
    """One of your own."""
    return services().single_tier.get(tokenId, asker().user_id)


@tokens.delete("/<tokenId>")
@tokens.response(204)
def deleted(tokenId: str) -> Response:
    """End a token for good. Administrators may end anybody's."""
    only_of = None if asker().role is Role.SERVER_ADMIN else asker().user_id
    services().single_tier.delete(tokenId, caller(), only_of)
    return Response(status=204)


@resources.get("/open-api-spec")
@resources.response(200, {"type": "object"})
def open_api_spec() -> Response:
    """This document."""
    refuse_while_off()
    return jsonify(document("v4"))


@resources.get("/people/current")
@resources.response(200, schemas.Person)
def current_person() -> Members:
    """Who you are."""
    user = services().accounts.get(asker().username)
    name = f"{user.first_name} {user.last_name}".strip() or user.username
    return vars(user) | {"user_id": user.id, "name": name, "isDisabled": False, "isAdmin": user.is_administrator}
