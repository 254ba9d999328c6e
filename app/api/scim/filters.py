"""SCIM's filters (RFC 7644, section 3.4.2.2): ``eq`` on what users and groups are found by, with ``and`` and ``or``.

Loads ``scim2_models``.
"""

from collections.abc import Callable, Mapping

from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator, ValuePath

from app.api.scim.errors import InvalidMessage
from app.api.scim.translating import WORK
from app.domain.emails import canonical_email
from app.domain.identity import USER_ID, canonical_username
from app.domain.provisioned import MOST_TERMS, Attribute, Condition, Either, Equals, Every, name_key
from app.domain.text import flaw_in

Value = str | int | bool | None
Attributes = Mapping[str, tuple[Attribute, Callable[[object], Value]]]

ONLY = "Filters compare {} with eq, joined by and, or and parentheses; at most {} comparisons."


def _text(value: object) -> Value:
    """None for text that nothing here can have, such as what databases do not take."""
    return value if isinstance(value, str) and not flaw_in(value) else None


def _username(value: object) -> Value:
    return canonical_username(value) if isinstance(value, str) else None


def _email(value: object) -> Value:
    return canonical_email(value) if isinstance(value, str) else None


def _id(value: object) -> Value:
    return int(value) if isinstance(value, str) and USER_ID.fullmatch(value) else None


def _group_name(value: object) -> Value:
    return name_key(value) if isinstance(value, str) and not flaw_in(value) else None


def _truth(value: object) -> Value:
    """Also as text, as Microsoft Entra ID sends it."""
    return {"true": True, "false": False}.get(str(value).lower())


OF_USERS: Attributes = {
    "id": (Attribute.ID, _id),
    "externalid": (Attribute.EXTERNAL_ID, _text),
    "username": (Attribute.USERNAME, _username),
    "emails": (Attribute.EMAIL, _email),
    "emails.value": (Attribute.EMAIL, _email),
    "active": (Attribute.IS_ACTIVE, _truth),
}
OF_GROUPS: Attributes = {
    "id": (Attribute.ID, _id),
    "externalid": (Attribute.EXTERNAL_ID, _text),
    "displayname": (Attribute.NAME, _group_name),
    "members": (Attribute.MEMBER, _id),
    "members.value": (Attribute.MEMBER, _id),
}


def condition_of(text: str | None, attributes: Attributes) -> Condition | None:
    """What a filter asks for; None without one. Refuses with InvalidMessage (invalidFilter)."""
    if not text:
        return None
    translating = _Translating(attributes)
    try:
        return translating.condition(ScimFilter(text).ast)
    except (InvalidFilterException, RecursionError):
        raise translating.refusal() from None


class _Translating:
    """Translates one filter."""

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._terms = 0

    def condition(self, node: FilterNode) -> Condition:
        """The condition of a node, and of what is below it."""
        if isinstance(node, LogicalExpr):
            terms = tuple(map(self.condition, node.terms))
            return Every(terms) if node.op is LogicalOperator.and_ else Either(terms)
        if isinstance(node, Comparison):
            return self._equals(node, "")
        if isinstance(node, ValuePath) and node.sub_attr is None:
            return self._of_values(node.val_filter, f"{node.attr_path.attr}.")
        raise self.refusal()

    def _of_values(self, node: FilterNode, before: str) -> Condition:
        """Of one attribute's values, such as ``emails[type eq "work" and value eq "anna@example.com"]``."""
        if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_:
            return Every(tuple(self._of_values(each, before) for each in node.terms))
        if isinstance(node, Comparison):
            return self._equals(node, before)
        raise self.refusal()

    def _equals(self, node: Comparison, before: str) -> Condition:
        path = node.attr_path
        name = f"{before}{path.attr}{'.' + path.sub_attr if path.sub_attr else ''}".lower()
        self._terms += 1
        if node.op is not CompareOperator.eq or self._terms > MOST_TERMS:
            raise self.refusal()
        if name == "emails.type" and before:  # the one that is kept
            return Every(()) if str(node.value).lower() == WORK else Either(())
        if name not in self._attributes:
            raise self.refusal()
        attribute, parse = self._attributes[name]
        return Equals(attribute, parse(node.value))

    def refusal(self) -> InvalidMessage:
        names = ", ".join(self._attributes)
        return InvalidMessage(400, "invalidFilter", ONLY.format(names, MOST_TERMS))
