"""How people sign in on the pages, and what a provider says of a person. Not here: sessions (``sessions``)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.domain.identity import Role


class SignInMethod(StrEnum):
    """PROVIDER: single sign-on by OpenID Connect. PROXY: the header of a trusted reverse proxy."""

    PASSWORD = "password"
    PROVIDER = "provider"
    PROXY = "proxy"


@dataclass(frozen=True)
class Arrival:
    """How a session begins. `proved_at`: when the person last proved who they are; None is now.

    `identity_id`: which identity of a provider; `provider_session`: that provider's name for its session (`sid`), and
    `id_token`: what its logout asks for, encrypted. `detail`: for the audit log.
    """

    method: SignInMethod = SignInMethod.PASSWORD
    identity_id: int | None = None
    provider_session: str | None = None
    id_token: str | None = field(default=None, repr=False)
    proved_at: datetime | None = None
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProvidedPerson:
    """What a provider says of a person, each claim checked; nothing of it is a right by itself.

    `provider`: its name here; `subject`: never reused at that `issuer`. `username`: as the claim has it. `email`: empty
    unless the provider says that it is verified. `role`: by the provider's map; None where it maps no role.
    `maps_roles`: whether the provider decides roles. `provisioned`: SCIM's attribute and the value that the user has
    whom SCIM manages, if that is the person; None: nobody is. `signed_in_at`: `auth_time`, when the person last proved
    there who they are; None where it does not say. `session`: `sid`.
    """

    provider: str
    issuer: str
    subject: str
    username: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    role: Role | None = None
    maps_roles: bool = False
    provisioned: tuple[str, str] | None = None
    signed_in_at: datetime | None = None
    session: str | None = None
    id_token: str | None = field(default=None, repr=False)
