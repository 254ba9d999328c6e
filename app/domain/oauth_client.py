"""OAuth clients and their grants (RFC 6749): a client is a refresh token, and its owner the client's user.

Not here: reading them from a request (``app.http.sent_client``), and authenticating them (``app.services.clients``).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import Role
from app.domain.secrets import TokenText

REFRESH_TOKEN = "refresh_token"
"""The tier's name in OAuth (RFC 7009, section 2.1)."""

WITH_ITS_SECRET = "revoked with its secret"
"""The reason of a revocation by RFC 7009."""


class GrantType(StrEnum):
    """What an access token is requested with (RFC 6749, sections 4.4 and 6)."""

    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = REFRESH_TOKEN


@dataclass(slots=True)  # not frozen: each introspection creates one, and that would take three times as long
class SentClient:
    """What a client authenticates with: the text of a refresh token, and its public id where that was sent too.

    `token`: the same text, where it has been parsed already.
    """

    secret: str = field(repr=False)
    id: str | None = None
    token: TokenText | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)  # likewise
class Client:
    """An authenticated client. `id`: the public id of its refresh token. `role`: of the owner, as of this request."""

    id: str
    owner_id: int
    owner_name: str
    role: Role

    @property
    def credential(self) -> Credential:
        return Credential(CredentialKind.REFRESH_TOKEN, self.id)
