"""What audit events took away: what a restore of an earlier state gives back, and must take away again.

Not here: applying it (``app.services.restoring``).
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.audit import LOGOUT_REFUSED, PROVIDER_REFUSED, SIGHTINGS, AuditEvent
from app.domain.clock import parse_instant
from app.domain.identity import Role
from app.domain.ladder import STRENGTH, is_weaker
from app.domain.secrets import PUBLIC_ID
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind, TokenStatus

GRANTS_AND_NOTES = frozenset(
    {
        "access_token.created", "access_token.secret_found", "audit.purged", "clock.accepted", "database.backed_up",
        "database.restored", "keys.adopted", LOGOUT_REFUSED, PROVIDER_REFUSED,
        "refresh_token.created", "refresh_token.described",
        "refresh_token.found_shared", "refresh_token.secret_found", "session.began", "session.ended",
        "sessions.ended_by_provider", "tokens.purged", "user.created", "user.edited", "user.enabled", "user.role_kept",
        "user.sessions_ended", "user.sign_in_locked", "user.sign_in_unlocked", "user.provisioned", "user.deprovisioned",
        "user.handed_to_scim", "user.taken_from_scim", "scim_token.created", "scim_group.created",
        "scim_group.changed", "scim_group.deleted", "scim_group.mapped", *SIGHTINGS,
    }
)  # fmt: skip
"""Actions that take nothing away, or whose effect is not in a restored state."""

_CHANGES = {
    "user.disabled": "is_active",
    "user.enabled": "is_active",
    "user.role_changed": "role",
    "user.api_tokens_changed": "api_tokens",
}

_PEOPLE = ("responsible", "deputy", "before", "after")
"""Details that are user names, of events about who answers for an account, and of moves."""

_LABELS = {"refresh_token.renamed": "name", "access_token.described": "description"}

_PARSERS: dict[str, Any] = {
    **dict.fromkeys(("search", "owner", "name", "created_with"), str),
    "public_ids": PUBLIC_ID.findall,
    "expiring_within_days": int,
    "to_renew": "True".__eq__,
    "kind": TokenKind,
    "status": TokenStatus,
    **dict.fromkeys(("created_after", "created_before", "expires_after", "expires_before"), parse_instant),
}
"""The criteria whose matches in an earlier state are those at the time of the event. Uses since are not known."""


@dataclass
class Withdrawals:
    """By handle: public ids, user names, keys of settings. Of several events for one, the last one counts."""

    refresh_tokens: dict[str, AuditEvent] = field(default_factory=dict)
    access_tokens: dict[str, AuditEvent] = field(default_factory=dict)
    regenerated: dict[str, AuditEvent] = field(default_factory=dict)
    """Or rotated: the secret that it had before works at most for an overlap."""
    old_secrets: dict[str, AuditEvent] = field(default_factory=dict)
    minted: dict[str, AuditEvent] = field(default_factory=dict)
    """By the public id of the refresh token: its access tokens from before were replaced."""
    moved: dict[str, AuditEvent] = field(default_factory=dict)
    """By the public id, of either tier."""
    labels: dict[tuple[str, str], AuditEvent] = field(default_factory=dict)
    """New names and descriptions, which filters look for, by the public id and the column."""
    of_users: dict[str, AuditEvent] = field(default_factory=dict)
    by_filter: list[tuple[AuditEvent, TokenFilter]] = field(default_factory=list)
    users: dict[tuple[str, str], AuditEvent] = field(default_factory=dict)
    """By user name and column."""
    passwords: dict[str, AuditEvent] = field(default_factory=dict)
    second_factors: dict[str, AuditEvent] = field(default_factory=dict)
    recovery_codes: dict[str, AuditEvent] = field(default_factory=dict)
    """Used or replaced: those of the earlier state are worth nothing."""
    renamed: dict[str, AuditEvent] = field(default_factory=dict)
    """By the user name of the earlier state; what is above is by the last one."""
    deleted: dict[int, AuditEvent] = field(default_factory=dict)
    """By user id."""
    answering: dict[str, AuditEvent] = field(default_factory=dict)
    """By service account: who answers for it changed."""
    unlinked: dict[tuple[str, str, str], AuditEvent] = field(default_factory=dict)
    """By issuer, by what the person is named, and the person; not where the same user was linked again."""
    settings: dict[str, AuditEvent] = field(default_factory=dict)
    scim_tokens: dict[str, AuditEvent] = field(default_factory=dict)
    unmapped: dict[str, AuditEvent] = field(default_factory=dict)
    """Groups of a directory that gave a role, by name."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Events that are not applied, by what they are."""


def withdrawals(events: Iterable[AuditEvent]) -> Withdrawals:
    """What these events took away, oldest first."""
    found = Withdrawals()
    by_handle = {
        "refresh_token.revoked": found.refresh_tokens,
        "access_token.revoked": found.access_tokens,
        "refresh_token.regenerated": found.regenerated,
        "refresh_token.rotated": found.regenerated,
        "refresh_token.old_secret_ended": found.old_secrets,
        "refresh_token.moved": found.moved,
        "access_token.moved": found.moved,
        "user.tokens_revoked": found.of_users,
        "user.password_changed": found.passwords,
        "user.password_removed": found.passwords,
        "second_factor.added": found.second_factors,
        "second_factor.removed": found.second_factors,
        "second_factor.reset": found.second_factors,
        "second_factor.used_recovery_code": found.recovery_codes,
        "second_factor.recovery_codes_replaced": found.recovery_codes,
        "user.responsible_changed": found.answering,
        "instance_setting.changed": found.settings,
        "scim_token.revoked": found.scim_tokens,
        "scim_group.unmapped": found.unmapped,
    }
    for event in events:
        if column := _CHANGES.get(event.action):
            found.users[event.object_id, column] = event
        elif column := _LABELS.get(event.action):
            found.labels[event.object_id, column] = event
        elif event.action == "access_token.minted":
            found.minted[str(event.detail.get("refresh_token"))] = event
        elif read := _READERS.get(event.action):
            read(found, event)
        elif event.action == "user.deleted":
            found.deleted[int(event.detail.get("user_id", 0))] = event
        elif event.action in by_handle:
            by_handle[event.action][event.object_id] = event
        elif event.action not in GRANTS_AND_NOTES:
            found.unknown[event.action] += 1
    return found


def _rename(found: Withdrawals, event: AuditEvent) -> None:
    """What was of the name before is of the name after; also in events that name several people."""
    before, after = str(event.detail.get("before", "")), event.object_id
    first = next((name for name, earlier in found.renamed.items() if earlier.object_id == before), before)
    found.renamed[first] = event
    factors = found.second_factors, found.recovery_codes
    for by_name in (found.of_users, found.passwords, found.answering, *factors):
        if (of_user := by_name.pop(before, None)) is not None:
            by_name[after] = of_user
    for by_handle in (found.answering, found.moved):
        for handle, earlier in by_handle.items():
            renamed = {member: after for member in _PEOPLE if earlier.detail.get(member) == before}
            by_handle[handle] = replace(earlier, detail=earlier.detail | renamed)
    for name, column in [key for key in found.users if key[0] == before]:
        found.users[after, column] = found.users.pop((name, column))
    found.by_filter = [
        (earlier, replace(criteria, owner=after) if criteria.owner == before else criteria)
        for earlier, criteria in found.by_filter
    ]


def _unlink(found: Withdrawals, event: AuditEvent) -> None:
    detail = event.detail
    person = str(detail.get("issuer")), str(detail.get("by", "subject")), str(detail.get("person"))
    if event.action == "user.unlinked":
        found.unlinked[person] = event
    elif person in found.unlinked and found.unlinked[person].object_id == event.object_id:
        del found.unlinked[person]


def _add_filter(found: Withdrawals, event: AuditEvent) -> None:
    text = str(event.detail.get("filter", ""))
    try:
        criteria = TokenFilter(**{name: _PARSERS[name](value) for name, value in json.loads(text).items()})
    except (AttributeError, KeyError, TypeError, ValueError):
        found.unknown[f"{event.action} ({text})"] += 1
        return
    found.by_filter.append((event, criteria))


_READERS = {
    "tokens.revoked": _add_filter,
    "user.renamed": _rename,
    "user.linked": _unlink,
    "user.unlinked": _unlink,
}
"""What reads the events of other actions."""


def takes_away(column: str, present: object, value: object) -> bool:
    """Whether giving a column of a user this value takes something away."""
    if column == "is_active":
        return value is False and bool(present)
    if column == "api_tokens":
        return value in STRENGTH and STRENGTH[value] < STRENGTH[present]
    return value in list(Role) and _may_lose_rights(Role(str(value)), Role(str(present)))


def _may_lose_rights(role: Role, before: Role) -> bool:
    """Whether somebody loses a right who gets this role; in doubt, other than ``ladder.is_weaker``, they do.

    In doubt is one who was an introspector: that role has a right that only administrators have, and lacks others.
    """
    if before is Role.INTROSPECTOR:
        return role not in (Role.SERVER_ADMIN, Role.INTROSPECTOR)
    return is_weaker(role, than=before)
