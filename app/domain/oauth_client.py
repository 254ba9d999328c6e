"""OAuth clients and their grants (RFC 6749): a client is a refresh token, and its owner the client's user.

Not here: reading them from a request (``app.http.sent_client``), and authenticating them (``app.services.clients``).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import Caller, Role


class GrantType(StrEnum):
    """What an access token is requested with (RFC 6749, sections 4.4 and 6)."""

    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"


@dataclass(frozen=True)
class SentClient:
    """What a client authenticates with: the text of a refresh token, and its public id where that was sent too."""

    secret: str = field(repr=False)
    id: str | None = None


@dataclass(frozen=True)
class Client:
    """An authenticated client. `id`: the public id of its refresh token. `role`: of the owner, as of this request."""

    id: str
    owner_id: int
    owner_name: str
    role: Role

    def calling(self, caller: Caller) -> Caller:
        """The same call, made by the owner of the client with its refresh token."""
        return caller.as_user(self.owner_id, self.owner_name, Credential(CredentialKind.REFRESH_TOKEN, self.id))
