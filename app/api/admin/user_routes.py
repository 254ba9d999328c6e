"""Users: finding, making and changing them, and ending what they have. For administrators.

Not here: a rule, or an error (``errors``).
"""

from typing import Any

from app.api.admin import admin_schemas
from app.api.admin.errors import PREFIX, TOKEN_ERRORS
from app.api.admin.once import once
from app.api.admin.paging import Answer, page_of
from app.api.admin.schemas import UserOut, user_id_of
from app.domain.identity import Role, User
from app.http.context import caller, services
from app.http.guards import ADMINISTRATOR, GuardedBlueprint
from app.http.openapi import JSON_ONLY
from app.services.revoking import Revoked

users = GuardedBlueprint(
    "native_users", __name__, url_prefix=f"{PREFIX}users", guard=ADMINISTRATOR, errors=TOKEN_ERRORS, parser=JSON_ONLY
)

Members = dict[str, Any]


@users.get("")
@users.arguments(admin_schemas.UsersWanted, location="query")
@users.response(200, admin_schemas.UserPage)
def list_users(sent: Members) -> Answer:
    """Users, newest first."""
    page = services().listing.users(
        sent.get("username"), sent.get("role"), sent.get("is_active"), sent["cursor"], sent["limit"]
    )
    return page_of(page, vars)


@users.post("")
@users.arguments(admin_schemas.NewUser)
@users.response(201, admin_schemas.CreatedUserOut)
@users.alt_response(200, schema=admin_schemas.CreatedUserOut, description="A repeat under the same Idempotency-Key")
def create_user(sent: Members) -> User:
    """Make a user; without a password for single sign-on and service accounts."""
    wanted = once(sent)
    name, role, password = sent.pop("username"), Role(sent.pop("role")), sent.pop("password")
    return services().accounts.add(name, role, password, caller(), wanted, **sent)


@users.get("/<user_id>")
@users.response(200, UserOut)
def show_user(user_id: str) -> User:
    """One user."""
    return services().accounts.by_id(user_id_of(user_id))


@users.patch("/<user_id>")
@users.arguments(admin_schemas.UserChange)
@users.response(200, UserOut)
def change_user(sent: Members, user_id: str) -> User:
    """Change the role, disable or enable, allow or deny API tokens: what is named, all or none."""
    return services().accounts.change(user_id_of(user_id), sent, caller())


@users.post("/<user_id>/revoke-tokens")
@users.arguments(admin_schemas.Reason)
@users.response(200, admin_schemas.Ended)
def revoke_tokens_of_user(sent: Members, user_id: str) -> Revoked:
    """End every token of a user, of both tiers."""
    username = services().accounts.by_id(user_id_of(user_id)).username
    return services().revoking.revoke_user(username, sent["reason"], caller())
