"""SCIM's messages into the domain's words and back. Loads ``scim2_models``."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    ListResponse,
    Meta,
    Reference,
    Resource,
    ResponseParameters,
    SCIMException,
)

from app.api.scim.errors import InvalidMessage
from app.api.scim.membership import member_id
from app.api.scim.schemas import POLICY, Email, Group, Member, Name, User
from app.domain import provisioned
from app.domain.masking import mask
from app.domain.provisioned import Found, Person, ProvisionedGroup, ProvisionedUser

Members = dict[str, Any]

WORK = "work"
LONGEST_DETAIL = 300


@contextmanager
def refusing() -> Iterator[None]:
    """Refuse with InvalidMessage what the RFCs do not allow."""
    try:
        with POLICY:
            yield
    except ValidationError as error:
        raise _refusal(Error.from_validation_errors(error)[0]) from None
    except SCIMException as error:
        raise _refusal(error.to_error()) from None


def _refusal(about: Error) -> InvalidMessage:
    """Its detail may repeat what was sent, of any length, in which there may be a token."""
    return InvalidMessage(about.status or 400, about.scim_type, mask(about.detail or "")[:LONGEST_DETAIL])


def person_in(body: Members, *, is_replacement: bool = False) -> tuple[Person, bool]:
    """The person of a body, and whether it says if they are active; otherwise they are."""
    context = Context.RESOURCE_REPLACEMENT_REQUEST if is_replacement else Context.RESOURCE_CREATION_REQUEST
    says_active = "active" in map(str.lower, body)
    with refusing():
        user = User.model_validate(body if says_active else body | {"active": True}, scim_ctx=context)
    return person_of(user), says_active


def person_of(user: User) -> Person:
    """What a resource says of a person."""
    name = user.name or Name()
    return Person(
        username=user.user_name or "",
        external_id=user.external_id,
        email=_email_of(user.emails or []),
        first_name=name.given_name or "",
        last_name=name.family_name or "",
        title=user.title or "",
        is_active=user.active is not False,
    )


def _email_of(emails: list[Email]) -> str:
    ordered = sorted(emails, key=lambda each: (each.type or "").lower() != WORK)
    return next((each.value for each in ordered if each.value), "")


def user_of(known: ProvisionedUser, base: str) -> User:
    """The resource. `base`: the address of SCIM here."""
    person = known.person
    name = Name(given_name=person.first_name or None, family_name=person.last_name or None)
    return User(
        id=str(known.id),
        external_id=person.external_id,
        user_name=person.username,
        name=name if person.first_name or person.last_name else None,
        title=person.title or None,
        active=person.is_active,
        emails=[Email(value=person.email, type=WORK)] if person.email else None,
        meta=Meta(
            resource_type="User",
            created=known.created_at,
            location=f"{base}/Users/{known.id}",
            version=version_of(known),
        ),
    )


def group_in(body: Members, *, is_replacement: bool = False) -> provisioned.Group:
    """The group of a body."""
    context = Context.RESOURCE_REPLACEMENT_REQUEST if is_replacement else Context.RESOURCE_CREATION_REQUEST
    with refusing():
        group = Group.model_validate(body, scim_ctx=context)
    return group_in_domain(group)


def group_in_domain(group: Group) -> provisioned.Group:
    """What a resource says of a group. Refuses with BadRequest a member that can be no user."""
    members = frozenset(member_id(each) for each in group.members or [])
    return provisioned.Group(group.display_name or "", group.external_id, members)


def group_of(known: ProvisionedGroup, base: str) -> Group:
    """The resource."""
    members = known.group.members
    return Group(
        id=str(known.id),
        external_id=known.group.external_id,
        display_name=known.group.name,
        members=None if members is None else [_member_of(each, base) for each in sorted(members)],
        meta=Meta(
            resource_type="Group",
            created=known.created_at,
            location=f"{base}/Groups/{known.id}",
            version=version_of(known),
        ),
    )


def _member_of(user_id: int, base: str) -> Member:
    return Member(value=str(user_id), ref=Reference(f"{base}/Users/{user_id}"))


def version_of(known: ProvisionedUser | ProvisionedGroup) -> str:
    """The entity tag: weak, because it is of what is kept and not of the bytes of an answer."""
    text = repr(known.person) if isinstance(known, ProvisionedUser) else f"{known.id} {known.version}"
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:20]}"'


def shown(resource: Resource[Any], query: Mapping[str, str], context: Context) -> Members:
    """The members of a resource that a query asks for."""
    with refusing():
        chosen = _chosen(type(resource), query)
        members: Members = resource.model_dump(scim_ctx=context, response_parameters=chosen)
    return members


def listed(found: Found[Any], resources: Sequence[Resource[Any] | Members], query: Mapping[str, str]) -> Members:
    """A page of a list, with the members of each resource that a query asks for."""
    return {
        "schemas": [str(ListResponse.__schema__)],
        "totalResults": found.total,
        "itemsPerPage": len(resources),
        "startIndex": found.start,
        "Resources": [
            each if isinstance(each, dict) else shown(each, query, Context.RESOURCE_QUERY_RESPONSE)
            for each in resources
        ],
    }


def _chosen(kind: type[Resource[Any]], query: Mapping[str, str]) -> ResponseParameters[Any]:
    named = {"attributes": query.get("attributes"), "excluded_attributes": query.get("excludedAttributes")}
    given = {name: value for name, value in named.items() if value}
    parameters: Any = ResponseParameters.__class_getitem__(kind)
    chosen: ResponseParameters[Any] = parameters(**given)
    return chosen
