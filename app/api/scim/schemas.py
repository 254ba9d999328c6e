"""SCIM's resources as Daypass has them: the attributes that it keeps. All others are ignored.

RFC 7643 lets a service choose the attributes of its schemas. Not here: what they mean for users (``translating``).
"""

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    Schema,
    ScimPolicy,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

from app.domain.provisioned import MOST_IN_PAGE

POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""What Microsoft Entra ID sends beside the RFCs: attributes of extensions, members to remove as a value, and an e-mail
of a type that the user does not have yet.
"""


class Name(ComplexAttribute):
    """The person's name."""

    given_name: str | None = None
    family_name: str | None = None


class Email(ComplexAttribute):
    """Daypass keeps one: that of the type work, or else the first."""

    value: str | None = None
    type: str | None = Field(None, examples=["work"])


class User(Resource[Any]):
    """A person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    title: str | None = None
    active: Annotated[bool | None, Required.true] = None
    emails: list[Email] | None = None


class Member(ComplexAttribute):
    """A user in a group; groups in groups are not supported."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )


class Group(Resource[Any]):
    """A group of persons, which may give them a role."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    members: list[Member] | None = None


RESOURCES: tuple[type[Resource[Any]], ...] = (User, Group)
SCHEMAS: tuple[Schema, ...] = tuple(each.to_schema() for each in RESOURCES)
RESOURCE_TYPES: tuple[ResourceType, ...] = tuple(ResourceType.from_resource(each) for each in RESOURCES)

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MOST_IN_PAGE),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="SCIM token",
            description="Administrators create it on the page Provisioning, or with: daypass scim token create.",
            spec_uri=Reference("https://www.rfc-editor.org/rfc/rfc6750"),
            primary=True,
        )
    ],
)
