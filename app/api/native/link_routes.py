"""Routes for administrators: who at which provider signs in as a user."""

from typing import Any

from app.api.native import link_schemas
from app.api.native.admin_routes import users
from app.domain.identities import Links
from app.domain.identity import parse_user_id
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.services.linking import named_person

Members = dict[str, Any]

BLUEPRINT = users
"""With the routes below."""


@users.get("/<user_id>/identities")
@users.response(200, link_schemas.LinksOut)
def show_identities(user_id: str) -> Links:
    """The persons at providers who sign in as a user, and those who are expected to."""
    return services().linking.of(parse_user_id(user_id))


@users.post("/<user_id>/identities")
@users.arguments(link_schemas.Person)
@users.response(200, link_schemas.LinksOut)
@does(Act.LINK_USER)
def link_user(body: Members, user_id: str) -> Links:
    """Let a person at a provider sign in as a user: by the subject, or once by the verified e-mail."""
    return services().linking.link(parse_user_id(user_id), named_person(**body), caller())


@users.delete("/<user_id>/identities")
@users.arguments(link_schemas.Person, location="query")
@users.response(200, link_schemas.LinksOut)
@does(Act.UNLINK_USER)
def unlink_user(query: Members, user_id: str) -> Links:
    """No longer let a person at a provider sign in as a user. Their sessions end."""
    return services().linking.unlink(parse_user_id(user_id), named_person(**query), caller())
