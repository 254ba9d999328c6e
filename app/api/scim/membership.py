"""What a PATCH changes of who is in a group: as sets of ids. Loads ``scim2_models``.

Not left to that: it compares each member with each, which for a group of thousands takes minutes, while nobody else can
change users.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from scim2_models import InvalidPathException, Path
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from app.api.scim.errors import InvalidMessage
from app.api.scim.schemas import Group, Member
from app.domain.errors import BadRequest
from app.domain.identity import USER_ID

Members = dict[str, Any]
Step = Callable[[set[int]], object]
"""Changes who is in the group; in place, because there can be thousands of steps."""

FIELD = "members"

WHOLE = "Members are added and removed as a whole, by their value."
BY_VALUE = 'A filter of members has the form members[value eq "1"], with or.'
A_LIST = "The value of an operation on members is a list of members."


def parted(operations: list[Any]) -> tuple[list[Any], list[Step]]:
    """The operations of a patch that are about other attributes, as they are, and what the others do in turn.

    Refuses with InvalidMessage and BadRequest what can't be done to members.
    """
    others: list[Any] = []
    steps: list[Step] = []
    for each in operations:
        rest, about_members = _split(each)
        others += rest
        steps += [_step(*one) for one in about_members]
    return others, steps


def member_id(member: Member) -> int:
    """The id of the user. Refuses with BadRequest a member that can be no user."""
    text = member.value or str(member.ref or "").rpartition("/")[2]
    if not USER_ID.fullmatch(text):
        message = "A member has the id of a user as its value."
        raise BadRequest(message, {"members": [message]})
    return int(text)


def _split(operation: Any) -> tuple[list[Any], list[tuple[str, Path[Group], Members]]]:
    """An operation without what it says of members, and that, each with its kind and path.

    One that is malformed stays as it is, for the patch to refuse.
    """
    if not isinstance(operation, dict) or str(operation.get("op")).lower() not in ("add", "replace", "remove"):
        return [operation], []
    kind, text, value = str(operation["op"]).lower(), operation.get("path"), operation.get("value")
    if isinstance(text, str) and text:
        path = _path_of_members(text)
        return ([operation], []) if path is None else ([], [(kind, path, operation)])
    if text or kind == "remove" or not isinstance(value, dict):
        return [operation], []
    found = {name: path for name in value if (path := _path_of_members(name)) is not None}
    if not found:
        return [operation], []
    rest = {name: each for name, each in value.items() if name not in found}
    about = [(kind, path, {"value": value[name]}) for name, path in found.items()]
    return ([operation | {"value": rest}] if rest else []), about


def _path_of_members(text: str) -> Path[Group] | None:
    """None for a path to something else."""
    if FIELD not in text.lower():
        return None
    try:
        path = Path[Group](text)
        binding = path.resolve()
    except (InvalidPathException, RecursionError):
        return None
    if binding is None or binding.field_name != FIELD:
        return None
    if binding.sub_field_name is not None:
        raise InvalidMessage(400, "mutability", WHOLE)
    return path


def _step(kind: str, path: Path[Group], operation: Members) -> Step:
    value = operation.get("value")
    if path.value_filter is not None:
        if kind != "remove" or value is not None:
            raise InvalidMessage(400, "mutability", WHOLE)
        chosen = frozenset(_chosen(path.value_filter))
        return lambda members: members.difference_update(chosen)
    if value is None and (kind == "remove" or (kind == "replace" and "value" in operation)):
        return set.clear
    ids = frozenset(member_id(_member(each)) for each in _listed(value))
    if kind == "add":
        return lambda members: members.update(ids)
    return (lambda members: members.difference_update(ids)) if kind == "remove" else (lambda members: _be(members, ids))


def _be(members: set[int], ids: Collection[int]) -> None:
    members.clear()
    members.update(ids)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, dict | list):
        raise InvalidMessage(400, "invalidValue", A_LIST)
    return [value] if isinstance(value, dict) else value


def _member(value: Any) -> Member:
    if not isinstance(value, dict):
        raise InvalidMessage(400, "invalidValue", A_LIST)
    return Member.model_validate({name: each for name, each in value.items() if each is not None})


def _chosen(node: FilterNode) -> Iterator[int]:
    """The ids that a filter names; one that is no user's is nobody's."""
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.or_:
        for each in node.terms:
            yield from _chosen(each)
        return
    path = node.attr_path if isinstance(node, Comparison) and node.op is CompareOperator.eq else None
    if not isinstance(node, Comparison) or path is None or (path.attr.lower(), path.sub_attr) != ("value", None):
        raise InvalidMessage(400, "invalidFilter", BY_VALUE)
    if isinstance(node.value, str) and USER_ID.fullmatch(node.value):
        yield int(node.value)
