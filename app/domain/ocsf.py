"""Audit events in the Open Cybersecurity Schema Framework, version 1.8.0, for systems that collect security events.

Source: https://github.com/ocsf/ocsf-schema/tree/v1.8.0 (``events/iam``, ``events/application``, ``objects``); classes,
activities and required attributes are from there. Whatever has no place in a class is in ``unmapped``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.domain.audit import AuditEvent, Result
from app.domain.credentials import CredentialKind

VERSION = "1.8.0"
PRODUCT = "Daypass"

Members = dict[str, Any]

INFORMATIONAL, LOW = 1, 2
SUCCESS, FAILURE = 1, 2
OTHER = 99


@dataclass(frozen=True)
class _Class:
    """`uid`: its category's in front. `members`: what only this class has."""

    uid: int
    members: Callable[[AuditEvent], Members]

    @property
    def category(self) -> int:
        return self.uid // 1000


def _authentication(event: AuditEvent) -> Members:
    """Of an answer that was refused, whom it was about is not known."""
    if event.object_kind == "provider":
        return {"user": _user("(unknown)"), "service": {"name": PRODUCT}, "auth_protocol": "OpenID Connect"}
    return {"user": _user(event.object_id), "service": {"name": PRODUCT}}


def _account_change(event: AuditEvent) -> Members:
    return {"user": _user(event.object_id)}


def _user_access(event: AuditEvent) -> Members:
    return _account_change(event) | {"privileges": [f"{name}: {value}" for name, value in event.detail.items()]}


def _authorize_session(event: AuditEvent) -> Members:
    return {"user": _user(event.actor), "session": {"uid": event.object_id}, "privileges": ["access token"]}


def _entity_management(event: AuditEvent) -> Members:
    kind = event.object_kind.replace("_", " ")
    members: Members = {"entity": {"uid": event.object_id, "name": event.object_id, "type_id": OTHER, "type": kind}}
    return members | ({"comment": str(event.detail["reason"])} if event.detail.get("reason") else {})


def _api_activity(event: AuditEvent) -> Members:
    operation = event.object_id if event.object_kind == "act" else f"present the {event.object_kind.replace('_', ' ')}"
    members: Members = {"api": {"operation": operation}, "actor": _actor(event), "src_endpoint": _source(event)}
    return members if event.object_kind == "act" else members | {"resources": [{"uid": event.object_id}]}


AUTHENTICATION = _Class(3002, _authentication)
ACCOUNT_CHANGE = _Class(3001, _account_change)
USER_ACCESS = _Class(3005, _user_access)
AUTHORIZE_SESSION = _Class(3003, _authorize_session)
ENTITY_MANAGEMENT = _Class(3004, _entity_management)
API_ACTIVITY = _Class(6003, _api_activity)

LOGON, LOGOFF = 1, 2
CREATE, READ, UPDATE, DELETE = 1, 2, 3, 4

CLASSES: dict[str, tuple[_Class, int]] = {
    "session.began": (AUTHENTICATION, LOGON),
    "session.ended": (AUTHENTICATION, LOGOFF),
    "user.sessions_ended": (AUTHENTICATION, LOGOFF),
    "sessions.ended_by_provider": (AUTHENTICATION, LOGOFF),
    "provider.logout_refused": (AUTHENTICATION, LOGOFF),
    "provider.sign_in_refused": (AUTHENTICATION, LOGON),
    "sign_in.refused": (AUTHENTICATION, LOGON),
    "sign_in.throttled": (AUTHENTICATION, LOGON),
    "user.created": (ACCOUNT_CHANGE, 1),
    "user.enabled": (ACCOUNT_CHANGE, 2),
    "user.password_changed": (ACCOUNT_CHANGE, 3),
    "user.password_removed": (ACCOUNT_CHANGE, 4),
    "user.disabled": (ACCOUNT_CHANGE, 5),
    "user.deleted": (ACCOUNT_CHANGE, 6),
    "user.provisioned": (ACCOUNT_CHANGE, 1),
    "user.deprovisioned": (ACCOUNT_CHANGE, OTHER),
    "user.handed_to_scim": (ACCOUNT_CHANGE, OTHER),
    "user.taken_from_scim": (ACCOUNT_CHANGE, OTHER),
    "user.edited": (ACCOUNT_CHANGE, OTHER),
    "user.renamed": (ACCOUNT_CHANGE, OTHER),
    "user.linked": (ACCOUNT_CHANGE, OTHER),
    "user.unlinked": (ACCOUNT_CHANGE, OTHER),
    "user.sign_in_locked": (ACCOUNT_CHANGE, 9),
    "user.sign_in_unlocked": (ACCOUNT_CHANGE, 12),
    "second_factor.added": (ACCOUNT_CHANGE, 10),
    "second_factor.removed": (ACCOUNT_CHANGE, 11),
    "second_factor.reset": (ACCOUNT_CHANGE, 11),
    "second_factor.recovery_codes_replaced": (ACCOUNT_CHANGE, OTHER),
    "second_factor.used_recovery_code": (ACCOUNT_CHANGE, OTHER),
    "user.responsible_changed": (USER_ACCESS, 1),
    "user.role_changed": (USER_ACCESS, 1),
    "user.api_tokens_changed": (USER_ACCESS, 1),
    "user.role_kept": (USER_ACCESS, OTHER),
    "access_token.minted": (AUTHORIZE_SESSION, 1),
    "access_token.created": (ENTITY_MANAGEMENT, CREATE),
    "access_token.described": (ENTITY_MANAGEMENT, UPDATE),
    "access_token.moved": (ENTITY_MANAGEMENT, UPDATE),
    "access_token.revoked": (ENTITY_MANAGEMENT, DELETE),
    "refresh_token.created": (ENTITY_MANAGEMENT, CREATE),
    "refresh_token.regenerated": (ENTITY_MANAGEMENT, UPDATE),
    "refresh_token.rotated": (ENTITY_MANAGEMENT, UPDATE),
    "refresh_token.old_secret_ended": (ENTITY_MANAGEMENT, UPDATE),
    "refresh_token.described": (ENTITY_MANAGEMENT, UPDATE),
    "refresh_token.moved": (ENTITY_MANAGEMENT, UPDATE),
    "refresh_token.renamed": (ENTITY_MANAGEMENT, UPDATE),
    "refresh_token.revoked": (ENTITY_MANAGEMENT, DELETE),
    "tokens.revoked": (ENTITY_MANAGEMENT, DELETE),
    "tokens.purged": (ENTITY_MANAGEMENT, DELETE),
    "user.tokens_revoked": (ENTITY_MANAGEMENT, DELETE),
    "scim_token.created": (ENTITY_MANAGEMENT, CREATE),
    "scim_token.revoked": (ENTITY_MANAGEMENT, DELETE),
    "scim_group.created": (ENTITY_MANAGEMENT, CREATE),
    "scim_group.changed": (ENTITY_MANAGEMENT, UPDATE),
    "scim_group.deleted": (ENTITY_MANAGEMENT, DELETE),
    "scim_group.mapped": (ENTITY_MANAGEMENT, UPDATE),
    "scim_group.unmapped": (ENTITY_MANAGEMENT, UPDATE),
    "instance_setting.changed": (ENTITY_MANAGEMENT, UPDATE),
    "keys.adopted": (ENTITY_MANAGEMENT, UPDATE),
    "clock.accepted": (ENTITY_MANAGEMENT, UPDATE),
    "database.backed_up": (ENTITY_MANAGEMENT, READ),
    "database.restored": (ENTITY_MANAGEMENT, UPDATE),
    "audit.purged": (ENTITY_MANAGEMENT, DELETE),
    "administration.refused": (API_ACTIVITY, OTHER),
    "access_token.superseded_presented": (API_ACTIVITY, OTHER),
    "refresh_token.presented_as_access": (API_ACTIVITY, OTHER),
    "access_token.secret_found": (API_ACTIVITY, OTHER),
    "refresh_token.secret_found": (API_ACTIVITY, OTHER),
}
"""The class and the activity of each action; others are Entity Management, activity Other."""


def as_ocsf(event: AuditEvent, version: str) -> Members:
    """The event as OCSF has it. `version`: of Daypass."""
    kind, activity = CLASSES.get(event.action, (ENTITY_MANAGEMENT, OTHER))
    is_refused = event.result == Result.REFUSED
    source: Members = {"src_endpoint": _source(event)} if event.address else {}
    request: Members = {"http_request": {"uid": event.request_id}} if event.request_id else {}
    return {
        "category_uid": kind.category,
        "class_uid": kind.uid,
        "activity_id": activity,
        "activity_name": event.action,
        "type_uid": kind.uid * 100 + activity,
        "time": int(event.at.timestamp() * 1000),
        "severity_id": LOW if is_refused else INFORMATIONAL,
        "status_id": FAILURE if is_refused else SUCCESS,
        "metadata": {
            "version": VERSION,
            "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": version},
            "uid": str(event.id),
            "event_code": event.action,
            "log_name": "audit",
        },
        "actor": _actor(event),
        **source,
        **request,
        **kind.members(event),
        "unmapped": {"object_kind": event.object_kind, "object_id": event.object_id, "detail": event.detail}
        | ({"credential": event.credential} if event.credential else {}),
    }


def _user(name: str, user_id: int | None = None) -> Members:
    return {"name": name or "(nobody)"} | ({} if user_id is None else {"uid": str(user_id)})


def _actor(event: AuditEvent) -> Members:
    """A person; a command or a job, whose names have a colon, is an application."""
    if ":" in event.actor:
        return {"app_name": event.actor}
    actor: Members = {"user": _user(event.actor, event.actor_id)}
    kind, _, number = (event.credential or "").partition(" ")
    return actor | {"session": {"uid": number}} if kind == CredentialKind.SESSION else actor


def _source(event: AuditEvent) -> Members:
    """Where a request came from; its class may require one also where no address is known."""
    return {"ip": event.address} if event.address else {"name": "unknown"}
