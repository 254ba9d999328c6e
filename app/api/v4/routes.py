"""Creating, listing and deleting tokens, the current user, and this dialect's document."""

from dataclasses import replace
from typing import Any

from flask import Response, jsonify, request
from werkzeug.exceptions import MethodNotAllowed

from app.api.v4 import schemas
from app.api.v4.errors import ERRORS, PREFIX, name_request
from app.domain.identity import Role
from app.domain.ladder import Act
from app.domain.tokens import AccessToken
from app.http.acts import does
from app.http.context import caller, current_user, document, services
from app.http.documents import refuse_while_off
from app.http.guards import SIGNED_IN, GuardedBlueprint
from app.http.openapi import JSON_ONLY


def _refuse_other_methods_while_off() -> None:
    """Flask answers 405 before the guard: while the feature is off, it must be 404."""
    is_other_method = isinstance(request.routing_exception, MethodNotAllowed)
    if is_other_method and request.path.startswith(f"{PREFIX}/apiAccessTokens"):
        services().single_tier.refuse_while_off()


def _require_signed_in_while_on() -> None:
    """While the feature is off, the routes do not exist, for anyone."""
    services().single_tier.refuse_while_off()
    SIGNED_IN.check()


WHILE_ON = replace(SIGNED_IN, name=f"{SIGNED_IN.name}, while API tokens are on", check=_require_signed_in_while_on)

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
    "v4_resources", __name__, url_prefix=PREFIX, guard=SIGNED_IN, errors=ERRORS, title="The current user"
)

tokens.before_app_request(_refuse_other_methods_while_off)

for _each in (tokens, resources):
    _each.after_request(name_request)

Members = dict[str, Any]


@tokens.post("")
@tokens.arguments(schemas.NewToken)
@tokens.response(201, schemas.CreatedToken)
@does(Act.CREATE_API_TOKEN)
def create_token(sent: Members) -> Members:
    """Create a token. Its value is only in this response."""
    user_id, lifetime = current_user().user_id, sent["lifetimeSeconds"]
    issued = services().single_tier.generate(user_id, lifetime, sent["description"], caller())
    return {"tokenValue": issued.secret, "tokenInfo": issued.token}


@tokens.get("")
@tokens.arguments(schemas.ListQuery, location="query")
@tokens.response(200, schemas.TokenList)
def list_tokens(query: Members) -> Members:
    """List your tokens, oldest first, including expired ones."""
    single_tier, counted = services().single_tier, query["includeCount"]
    own = single_tier.list_tokens(current_user().user_id, query.get("limit"), query["offset"], counted=counted)
    return {"data": own.items} | ({} if own.count is None else {"count": own.count})


@tokens.get("/<tokenId>")
@tokens.response(200, schemas.TokenInfo)
def get_token(tokenId: str) -> AccessToken:
    """Get one of your tokens."""
    return services().single_tier.get(tokenId, current_user().user_id)


@tokens.delete("/<tokenId>")
@tokens.response(204)
@does(Act.REVOKE_OWN, Act.REVOKE_OF_OTHERS)
def delete_token(tokenId: str) -> Response:
    """Delete a token. Administrators can delete any user's."""
    only_of = None if current_user().role is Role.SERVER_ADMIN else current_user().user_id
    services().single_tier.delete(tokenId, caller(), only_of)
    return Response(status=204)


@resources.get("/open-api-spec")
@resources.response(200, {"type": "object"})
def open_api_spec() -> Response:
    """Get this document."""
    refuse_while_off()
    return jsonify(document("v4"))


@resources.get("/people/current")
@resources.response(200, schemas.Person)
def current_person() -> Members:
    """Get the current user."""
    user = services().accounts.by_id(current_user().user_id)
    name = f"{user.first_name} {user.last_name}".strip() or user.username
    return vars(user) | {"user_id": user.id, "name": name, "isDisabled": False, "isAdmin": user.is_administrator}
