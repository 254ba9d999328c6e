"""Routes for directories: users, groups, and what SCIM here can do."""

from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from flask import Response
from werkzeug.exceptions import NotImplemented as NotImplementedInScim

from app.api.scim.errors import PREFIX
from app.api.scim.guard import DIRECTORY
from app.domain.ladder import Act
from app.http.acts import does
from app.http.guards import GuardedBlueprint

if TYPE_CHECKING:
    from app.api.scim.answering import Answering


def _blueprint(name: str, path: str = "") -> GuardedBlueprint:
    return GuardedBlueprint(f"scim_{name}", __name__, url_prefix=f"{PREFIX}v2{path}", guard=DIRECTORY)


users = _blueprint("users", "/Users")
groups = _blueprint("groups", "/Groups")
discovery = _blueprint("discovery")

BLUEPRINTS = (users, groups, discovery)


def _answering() -> "Answering":
    """What answers. Imported for the first request of a directory: with pydantic it takes half a second and 30 MB, and
    most workers never need it."""
    made: Answering = import_module("app.api.scim.answering").Answering()
    return made


@users.get("")
def list_users() -> Response:
    """The users that SCIM manages, filtered."""
    return _answering().users()


@users.post("")
@does(Act.PROVISION)
def create_user() -> Response:
    """Create a user."""
    return _answering().create_user()


@users.get("/<user_id>")
def show_user(user_id: str) -> Response:
    """One user."""
    return _answering().user(user_id)


@users.put("/<user_id>")
@does(Act.PROVISION)
def replace_user(user_id: str) -> Response:
    """Replace what SCIM says of a user."""
    return _answering().replace_user(user_id)


@users.patch("/<user_id>")
@does(Act.PROVISION)
def change_user(user_id: str) -> Response:
    """Change a user."""
    return _answering().change_user(user_id)


@users.delete("/<user_id>")
@does(Act.DEPROVISION)
def delete_user(user_id: str) -> Response:
    """Disable a user, whom directories do not see any more."""
    return _answering().delete_user(user_id)


@groups.get("")
def list_groups() -> Response:
    """The groups, filtered."""
    return _answering().groups()


@groups.post("")
@does(Act.PROVISION)
def create_group() -> Response:
    """Create a group."""
    return _answering().create_group()


@groups.get("/<group_id>")
def show_group(group_id: str) -> Response:
    """One group."""
    return _answering().group(group_id)


@groups.put("/<group_id>")
@does(Act.PROVISION)
def replace_group(group_id: str) -> Response:
    """Replace what SCIM says of a group."""
    return _answering().replace_group(group_id)


@groups.patch("/<group_id>")
@does(Act.PROVISION)
def change_group(group_id: str) -> Response:
    """Change a group: its name, or who is in it."""
    return _answering().change_group(group_id)


@groups.delete("/<group_id>")
@does(Act.DEPROVISION)
def delete_group(group_id: str) -> Response:
    """Delete a group."""
    return _answering().delete_group(group_id)


@discovery.post("/.search")
@discovery.post("/Bulk")
@discovery.get("/Me")
@does()
def not_implemented() -> NoReturn:
    """What RFC 7644 leaves to the service: searching users and groups together, many changes in one, a user's own."""
    raise NotImplementedInScim


@discovery.get("/ServiceProviderConfig")
def show_config() -> Response:
    """What SCIM here can do."""
    return _answering().config()


@discovery.get("/Schemas")
def list_schemas() -> Response:
    """The schemas of users and groups."""
    return _answering().schemas()


@discovery.get("/Schemas/<schema_id>")
def show_schema(schema_id: str) -> Response:
    """One schema, by its URN."""
    return _answering().schema(schema_id)


@discovery.get("/ResourceTypes")
def list_resource_types() -> Response:
    """The types of resources."""
    return _answering().resource_types()


@discovery.get("/ResourceTypes/<name>")
def show_resource_type(name: str) -> Response:
    """One type, by its name."""
    return _answering().resource_type(name)
