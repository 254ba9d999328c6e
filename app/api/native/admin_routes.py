"""Routes for administrators: users, all tokens, settings, the audit log and jobs."""

from typing import Any

from app.api.native import admin_schemas, job_schemas, token_schemas
from app.api.native.deleted_user import DeletedUser, deleted_members
from app.api.native.errors import PREFIX, TOKEN_ERRORS
from app.api.native.idempotency_key import idempotency_key
from app.api.native.paging import Answer, page_of
from app.api.native.schemas import SecretsOut, TokenOut, TokenPage, UserOut, token_members
from app.api.native.service_schemas import ServiceAccounts, account_members
from app.domain.identity import Kind, Role, User, parse_user_id
from app.domain.ladder import OF_USERS, Act
from app.domain.rotation import Secrets
from app.domain.token_filter import TokenFilter
from app.http.acts import does
from app.http.context import caller, parts, services
from app.http.guards import ADMINISTRATOR, GuardedBlueprint
from app.http.openapi import JSON_ONLY
from app.services.instance_settings import SettingValue
from app.services.revoking import Revoked
from app.services.service_accounts import People
from app.services.setting_effects import Forecast

Members = dict[str, Any]


def _blueprint(name: str, title: str, path: str = "") -> GuardedBlueprint:
    prefix = f"{PREFIX}{path}"
    options: Members = {"errors": TOKEN_ERRORS, "title": title, "parser": JSON_ONLY}
    return GuardedBlueprint(name, __name__, url_prefix=prefix, guard=ADMINISTRATOR, **options)


users = _blueprint("native_users", "Users", "users")
tokens = _blueprint("native_tokens", "All tokens", "tokens")
instance = _blueprint("native_instance", "The instance")


@users.get("")
@users.arguments(admin_schemas.UserQuery, location="query")
@users.response(200, admin_schemas.UserPage)
def list_users(query: Members) -> Answer:
    """Users, newest first; deleted ones only where they are asked for."""
    page = services().user_list.users(query.pop("username", None), **query)
    return page_of(page, vars)


@users.post("")
@users.arguments(admin_schemas.NewUser)
@users.response(201, admin_schemas.CreatedUserOut)
@users.alt_response(200, schema=admin_schemas.CreatedUserOut, description="A repeat under the same Idempotency-Key")
@does(Act.CREATE_USER)
def create_user(body: Members) -> User:
    """Create a person, without a password for single sign-on, or a service account."""
    key = idempotency_key(body)
    name, role, password = body.pop("username"), Role(body.pop("role")), body.pop("password")
    is_temporary, kind = body.pop("has_temporary_password", False), body.pop("kind")
    if kind == Kind.SERVICE:
        answering = People(body.pop("responsible"), body.pop("deputy", None))
        return services().service_accounts.add(name, role, answering, caller(), key, **body)
    return services().accounts.add(name, role, password, caller(), key, is_temporary=is_temporary, **body)


@users.get("/<user_id>")
@users.response(200, UserOut)
def show_user(user_id: str) -> User:
    """One user."""
    return services().accounts.by_id(parse_user_id(user_id))


@users.patch("/<user_id>")
@users.arguments(admin_schemas.UserChange)
@users.response(200, UserOut)
@does(*OF_USERS)
def change_user(body: Members, user_id: str) -> User:
    """Change what is named, all or nothing; `responsible` and `deputy` answer for a service account."""
    return services().accounts.change(parse_user_id(user_id), body, caller())


@users.delete("/<user_id>")
@users.response(200, DeletedUser)
@does(Act.DELETE_USER)
def delete_user(user_id: str) -> Members:
    """Delete a user, for good: tokens are revoked, and personal data is removed. The id stays."""
    return deleted_members(services().deleting_users.delete(parse_user_id(user_id), caller()))


@users.get("/<user_id>/service-accounts")
@users.response(200, ServiceAccounts)
def service_accounts_of_user(user_id: str) -> Members:
    """The service accounts that a person answers for: to move before the person is disabled."""
    person = services().accounts.by_id(parse_user_id(user_id))
    return account_members(services().service_accounts.of(person.id))


@users.post("/<user_id>/end-sessions")
@users.response(200, admin_schemas.EndedSessions)
@does(Act.END_SESSIONS_OF_OTHERS)
def end_sessions_of_user(user_id: str) -> Members:
    """Sign a user out everywhere on the pages. Tokens are not affected."""
    return {"sessions": services().sessions.end_all(parse_user_id(user_id), caller())}


@users.post("/<user_id>/revoke-tokens")
@users.arguments(admin_schemas.Reason)
@users.response(200, admin_schemas.Ended)
@does(Act.REVOKE_OF_OTHERS)
def revoke_tokens_of_user(body: Members, user_id: str) -> Revoked:
    """Revoke every token of a user, of both tiers."""
    username = services().accounts.by_id(parse_user_id(user_id)).username
    return services().revoking.revoke_user(username, body["reason"], caller())


@tokens.get("")
@tokens.arguments(admin_schemas.TokenQuery, location="query")
@tokens.response(200, TokenPage)
def list_tokens(query: Members) -> Answer:
    """All users' tokens: refresh tokens first, each tier newest first."""
    cursor, limit = query.pop("cursor"), query.pop("limit")
    return page_of(services().listing.both_tiers(TokenFilter(**query), cursor, limit), token_members)


@tokens.get("/<public_id>")
@tokens.response(200, TokenOut)
def show_token(public_id: str) -> Members:
    """One token of either tier."""
    return token_members(services().listing.find(public_id))


@tokens.get("/<public_id>/secrets")
@tokens.response(200, SecretsOut)
def show_secrets(public_id: str) -> Secrets:
    """The secrets of a refresh token: the last use of each, and who still uses the old one."""
    return services().rotating.secrets(public_id)


@tokens.post("/<public_id>/revoke")
@tokens.arguments(admin_schemas.Revocation)
@tokens.response(200, admin_schemas.EndedInLine)
@does(Act.REVOKE_OF_OTHERS)
def revoke_token(body: Members, public_id: str) -> Revoked:
    """Revoke one token, a refresh token's access tokens, and what was created with it. A repeat changes nothing."""
    return services().revoking.revoke(public_id, body["reason"], caller(), with_descendants=body["with_descendants"])


@tokens.patch("/<public_id>")
@tokens.arguments(token_schemas.Labels)
@tokens.response(200, TokenOut)
@does()
def rename_token(body: Members, public_id: str) -> Members:
    """Rename or describe a token. An API token without a refresh token has a description only."""
    return token_members(services().renaming.change(public_id, body, caller()))


@tokens.post("/<public_id>/move")
@tokens.arguments(token_schemas.Move)
@tokens.response(200, TokenOut)
@does(Act.MOVE_OF_OTHERS)
def move_token(body: Members, public_id: str) -> Members:
    """Move a token to another owner without a new secret: a refresh token with its access tokens, or an API token.

    From the next check on it has the new owner's rights and user id. A move to the present owner changes nothing.
    """
    return token_members(services().moving.move(public_id, body["to"], caller(), body["reason"]))


@tokens.post("/identify")
@tokens.arguments(admin_schemas.Pasted)
@tokens.response(200, admin_schemas.IdentifiedOut)
@does()
def identify(body: Members) -> Members:
    """Identify a secret: its token, and whether it works. It is neither returned nor stored."""
    return admin_schemas.identified_members(services().identifying.identify(body["secret"]))


@instance.get("/settings")
@instance.response(200, admin_schemas.SettingPage)
def list_settings() -> dict[str, list[SettingValue]]:
    """All instance settings, with their bounds and when a change takes effect."""
    return {"items": services().instance_settings.show()}


@instance.get("/settings/<key>")
@instance.response(200, admin_schemas.SettingOut)
def show_setting(key: str) -> SettingValue:
    """One setting, by its key or its Alation name."""
    return services().instance_settings.get(key)


@instance.put("/settings/<key>")
@instance.arguments(admin_schemas.NewValue)
@instance.response(200, admin_schemas.SettingOut)
@does(Act.WIDEN_SETTING, Act.CHANGE_SETTING)
def change_setting(body: Members, key: str) -> SettingValue:
    """Change a setting on all workers, without a restart. `takes_effect` states when it affects tokens and users."""
    return services().instance_settings.change(key, body["value"], caller())


@instance.post("/settings/<key>/preview")
@instance.arguments(admin_schemas.NewValue)
@instance.response(200, admin_schemas.ForecastOut)
@does()
def preview_setting(body: Members, key: str) -> Forecast:
    """Preview what a change would affect. Nothing is changed."""
    return services().setting_effects.preview(key, body["value"])


@instance.get("/audit-events")
@instance.arguments(admin_schemas.AuditQuery, location="query")
@instance.response(200, admin_schemas.AuditPage)
def list_audit_events(query: Members) -> Answer:
    """Audit events, newest first."""
    filters = {name: query.get(name) for name in ("actor", "action", "object_id", "result")}
    period = {"since": query.get("after"), "until": query.get("before")}
    page = services().audit_list.events(**filters, **period, cursor=query["cursor"], limit=query["limit"])
    return page_of(page, vars)


@instance.get("/jobs")
@instance.response(200, job_schemas.JobPage)
def list_jobs() -> Members:
    """The background jobs and their latest runs."""
    health = services().job_runs.health(parts().schedule)
    return {"items": [job_schemas.job_members(each) for each in health]}
