"""SCIM's PATCH (RFC 7644, section 3.5.2), in the spellings of directories too. Loads ``scim2_models``.

Not here: what it changes of who is in a group (``membership``).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scim2_models import Context, PatchOp

from app.api.scim.errors import InvalidMessage
from app.api.scim.membership import Step, parted
from app.api.scim.schemas import Group, User
from app.api.scim.translating import Members, group_in_domain, group_of, person_of, refusing, user_of
from app.domain import provisioned
from app.domain.provisioned import Person, ProvisionedGroup, ProvisionedUser

OPERATIONS = "Operations"
READ_ONLY = ("id", "meta", "schemas")

MOST_OPERATIONS = 200
"""In a patch, with the values of their lists; members of groups are not counted."""

TOO_MANY = f"A PATCH has at most {MOST_OPERATIONS} operations, apart from those on members."
NO_CHANGE = {"op": "add", "value": {}}
"""An operation in place of those on members, so that the rest of the message is checked."""


def patched_user(body: Members) -> Callable[[ProvisionedUser], Person]:
    """What a user is after this patch. Refuses at once what can be no patch of any user."""
    plain = _plain(body)
    _refuse_too_many(plain.get(OPERATIONS))
    with refusing():
        patch = PatchOp[User].model_validate(plain, scim_ctx=Context.RESOURCE_PATCH_REQUEST)

    def apply(known: ProvisionedUser) -> Person:
        user = user_of(known, "")
        with refusing():
            patch.patch(user)
        return person_of(user)

    return apply


def patched_group(body: Members) -> Callable[[ProvisionedGroup], provisioned.Group]:
    """The same of a group, whose members must have been read."""
    plain, steps = _plain(body), list[Step]()
    operations = plain.get(OPERATIONS)
    with refusing():
        if isinstance(operations, list) and operations:
            plain[OPERATIONS], steps = parted(operations)
            _refuse_too_many(plain[OPERATIONS])
        is_about_members_only = bool(steps) and not plain[OPERATIONS]
        checked = plain | {OPERATIONS: [NO_CHANGE]} if is_about_members_only else plain
        patch = PatchOp[Group].model_validate(checked, scim_ctx=Context.RESOURCE_PATCH_REQUEST)

    def apply(known: ProvisionedGroup) -> provisioned.Group:
        group = group_of(replace(known, group=replace(known.group, members=None)), "")
        with refusing():
            patch.patch(group)
        members = set(known.group.members or ())
        for step in steps:
            step(members)
        return replace(group_in_domain(group), members=frozenset(members))

    return apply


def _refuse_too_many(operations: Any) -> None:
    """Refuse with InvalidMessage operations that would take long, while nobody else can change users."""
    if isinstance(operations, list) and sum(map(_size, operations)) > MOST_OPERATIONS:
        raise InvalidMessage(413, None, TOO_MANY)


def _size(operation: Any) -> int:
    """The values of an operation."""
    value = operation.get("value") if isinstance(operation, dict) else None
    lists = list(value.values()) if isinstance(value, dict) else [value]
    return 1 + sum(len(each) for each in lists if isinstance(each, list))


def _plain(body: Members) -> Members:
    """The message without what changes nothing: Okta names the resource's id among the values of an operation without
    a path, and Microsoft Entra ID the ``$ref`` of a member, as null. Its own names have one spelling.
    """
    body = {OPERATIONS if name.lower() == OPERATIONS.lower() else name: value for name, value in body.items()}
    operations = body.get(OPERATIONS)
    if isinstance(operations, list):
        body[OPERATIONS] = [_plain_operation(each) for each in operations]
    return body


def _plain_operation(operation: Any) -> Any:
    if not isinstance(operation, dict):
        return operation
    plain = {name.lower(): value for name, value in operation.items()}
    if isinstance(plain.get("value"), dict) and not plain.get("path"):
        plain["value"] = {name: each for name, each in plain["value"].items() if name.lower() not in READ_ONLY}
    if isinstance(plain.get("value"), list):
        plain["value"] = [_without_null(each) for each in plain["value"]]
    return plain


def _without_null(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: each for name, each in value.items() if each is not None}
