"""The actions of the audit log in plain words: a name of each, and a sentence about an event without its actor."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter

from app.domain.audit import AuditEvent
from app.domain.text import count_of, count_of_tokens


@dataclass(frozen=True)
class Words:
    """`name`: of the action, such as "User created". `did`: what follows the actor's name.

    In `did`, ``{object}`` is what it was done to, ``{name}`` a detail, ``{number:noun}`` a detail that is counted, and
    ``{tokens}`` how many tokens of each tier.
    """

    name: str
    did: str


@dataclass(frozen=True)
class Part:
    """A part of a sentence; `is_object`: it names what the event is about."""

    text: str
    is_object: bool = False


ACTIONS: dict[str, Words] = {
    "access_token.created": Words("API token created", "created the API token {object}"),
    "access_token.described": Words("API token described", "changed the description of {object}"),
    "access_token.minted": Words("Access token requested", "requested the access token {object}"),
    "access_token.revoked": Words("Access token revoked", "revoked the access token {object}"),
    "access_token.secret_found": Words("Secret of an access token found", "sent the secret of {object} in {place}"),
    "access_token.superseded_presented": Words("Replaced access token used", "used the replaced access token {object}"),
    "access_token.moved": Words("API token moved", "moved the API token {object} from {before} to {after}"),
    "administration.refused": Words("Administration refused", "was refused {object}"),
    "audit.purged": Words("Audit log shortened", "deleted {events:{object} event} of the audit log"),
    "clock.accepted": Words("Clock accepted", "accepted the present time of the clock"),
    "database.backed_up": Words("Backup made", "backed up the database as {object}"),
    "database.restored": Words("Backup restored", "restored the database from {object}"),
    "instance_setting.changed": Words("Setting changed", "changed {object} from {before} to {after}"),
    "keys.adopted": Words("Keys adopted", "adopted other keys: {changed}"),
    "provider.logout_refused": Words(
        "Sign-out by a provider refused", "could not end sessions for the provider {object}: {reason}"
    ),
    "provider.sign_in_refused": Words(
        "Single sign-on refused", "could not sign in with the provider {object}: {reason}"
    ),
    "refresh_token.created": Words("Refresh token created", "created the refresh token {object}"),
    "refresh_token.described": Words("Refresh token described", "changed the description of {object}"),
    "refresh_token.found_shared": Words("Sharing noticed", "used the refresh token {object}, which seems shared"),
    "refresh_token.moved": Words("Refresh token moved", "moved the refresh token {object} from {before} to {after}"),
    "refresh_token.presented_as_access": Words(
        "Refresh token used as access token", "used the refresh token {object} in place of an access token"
    ),
    "refresh_token.regenerated": Words("Refresh token regenerated", "regenerated the refresh token {object}"),
    "refresh_token.renamed": Words("Refresh token renamed", "renamed {object} from {before} to {after}"),
    "refresh_token.revoked": Words("Refresh token revoked", "revoked the refresh token {object}"),
    "refresh_token.old_secret_ended": Words("Old secret ended", "ended the old secret of the refresh token {object}"),
    "refresh_token.rotated": Words("Refresh token rotated", "rotated the refresh token {object}"),
    "refresh_token.secret_found": Words("Secret of a refresh token found", "sent the secret of {object} in {place}"),
    "second_factor.added": Words("Second factor added", "added a second factor to {object}"),
    "second_factor.recovery_codes_replaced": Words(
        "Recovery codes replaced", "replaced the recovery codes of {object}"
    ),
    "second_factor.removed": Words("Second factor removed", "removed the second factor of {object}"),
    "second_factor.reset": Words("Second factor reset", "reset the second factor of {object}"),
    "second_factor.used_recovery_code": Words("Recovery code used", "used a recovery code of {object}, {left} left"),
    "scim_group.changed": Words("Group changed by SCIM", "changed the group {object}"),
    "scim_group.created": Words("Group created by SCIM", "created the group {object}"),
    "scim_group.deleted": Words("Group deleted by SCIM", "deleted the group {object}"),
    "scim_group.mapped": Words("Role of a group set", "gave the members of the group {object} the role {role}"),
    "scim_group.unmapped": Words("Role of a group removed", "took the role {before} from the group {object}"),
    "scim_token.created": Words("SCIM token created", "created the SCIM token {object}, {name}"),
    "scim_token.revoked": Words("SCIM token revoked", "revoked the SCIM token {object}, {name}"),
    "session.began": Words("Signed in", "signed in"),
    "session.ended": Words("Session ended", "ended a session"),
    "sessions.ended_by_provider": Words("Signed out by the provider", "ended {sessions:session} of {object}"),
    "sign_in.refused": Words("Sign-in refused", "could not sign in as {object}: {reason}"),
    "sign_in.throttled": Words("Sign-in stopped", "could not sign in as {object}: too many attempts"),
    "tokens.purged": Words("Ended tokens deleted", "deleted {rows:row} of {object} that ended long ago"),
    "tokens.revoked": Words("Tokens revoked by filter", "revoked {tokens} that matched a filter"),
    "user.api_tokens_changed": Words("API-token permission changed", "set API tokens of {object} to {api_tokens}"),
    "user.created": Words("User created", "created the user {object}"),
    "user.deleted": Words("User deleted", "deleted an account, now called {object}"),
    "user.deprovisioned": Words("User removed by SCIM", "removed {object} from SCIM"),
    "user.disabled": Words("User disabled", "disabled the user {object}"),
    "user.edited": Words("User edited", "edited {object}: {fields}"),
    "user.enabled": Words("User enabled", "enabled the user {object}"),
    "user.handed_to_scim": Words("User handed to SCIM", "let SCIM manage the user {object}"),
    "user.linked": Words("User linked to a provider", "linked {object} to {person} at {issuer}"),
    "user.password_changed": Words("Password set", "set the password of {object}"),
    "user.password_removed": Words("Password removed", "removed the password of {object}"),
    "user.provisioned": Words("User created by SCIM", "provisioned the user {object}"),
    "user.renamed": Words("User name changed", "changed the user name {before} to {object}"),
    "user.responsible_changed": Words(
        "Responsible person changed", "changed who answers for the service account {object}"
    ),
    "user.role_kept": Words(
        "Role kept", "kept the role {role} of {object} although the provider or directory says {said}: {because}"
    ),
    "user.role_changed": Words("Role changed", "changed the role of {object} to {role}"),
    "user.sessions_ended": Words("Sessions ended", "ended {sessions:session} of {object}"),
    "user.sign_in_locked": Words("Sign-in limited", "used up the attempts to sign in as {object}"),
    "user.sign_in_unlocked": Words("Sign-in unlocked", "unlocked sign-in of {object}"),
    "user.taken_from_scim": Words("User taken from SCIM", "made {object} a local user"),
    "user.unlinked": Words("User unlinked from a provider", "unlinked {object} from {person} at {issuer}"),
    "user.tokens_revoked": Words("All tokens of a user revoked", "revoked {tokens} of {object}"),
}
"""By code name. A test compares it with what Daypass records."""


def name_of(action: str) -> str:
    """Of an action of another release, its code name."""
    words = ACTIONS.get(action)
    return words.name if words else action


def actions_with(part: str) -> list[str]:
    """The code names of actions that hold this part in the code name or the name, whatever its case."""
    wanted = part.casefold()
    return [action for action, words in ACTIONS.items() if wanted in action or wanted in words.name.casefold()]


def sentence(event: AuditEvent) -> list[Part]:
    """What the actor did. Where details are missing, as in events of earlier releases: the action and its object."""
    words = ACTIONS.get(event.action)
    try:
        return list(_parts(words.did, event)) if words else _plain(event)
    except KeyError:
        return _plain(event)


def _plain(event: AuditEvent) -> list[Part]:
    return [Part(f"{name_of(event.action)}: "), Part(event.object_id, is_object=True)]


def _parts(template: str, event: AuditEvent) -> Iterator[Part]:
    for literal, name, noun, _ in Formatter().parse(template):
        if literal:
            yield Part(literal)
        if name == "object":
            yield Part(event.object_id, is_object=True)
        elif name == "tokens":
            yield Part(count_of_tokens(int(event.detail["refresh_tokens"]), int(event.detail["access_tokens"])))
        elif name is not None and noun:
            yield Part(count_of(int(event.detail[name]), noun.format(object=event.object_id)))
        elif name is not None:
            yield Part(_word(event.detail[name]))


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
