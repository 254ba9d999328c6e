"""Who at which provider is a user here, or will be. Not here: what a provider says of a person (``sign_ins``)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Identity:
    """A person at a provider who signs in as a user.

    `provider`: its name here when it was last used; empty before. `subject`: never reused at that `issuer`.
    `linked_by`: the user name of who linked it, or a command's; None where the person's first sign-in did.
    """

    id: int
    user_id: int
    provider: str
    issuer: str
    subject: str
    created_at: datetime
    linked_by: str | None = None
    last_sign_in_at: datetime | None = None


@dataclass(frozen=True)
class ExpectedIdentity:
    """A person whom an administrator named by the verified e-mail, until the first sign-in at that `issuer`."""

    id: int
    user_id: int
    issuer: str
    email: str
    created_at: datetime
    linked_by: str


@dataclass(frozen=True)
class Links:
    """Who signs in as a user, and who is expected to."""

    identities: list[Identity]
    expected: list[ExpectedIdentity]
