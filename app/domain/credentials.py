"""Credentials: what a caller authenticated with; each audit event names it. Not here: checking them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class CredentialKind(StrEnum):
    """In the words that people read in the audit log."""

    PASSWORD = "password"
    PROVIDER = "single sign-on"
    PROXY = "reverse proxy"
    SESSION = "session"
    ACCESS_TOKEN = "access token"
    REFRESH_TOKEN = "refresh token"
    COMMAND_LINE = "command line"
    JOB = "job"
    SCIM_TOKEN = "SCIM token"


@dataclass(frozen=True)
class Credential:
    """`id`: a token's public id, a session's number, a command's system user, a job's name; empty for a password,
    single sign-on and a reverse proxy.

    `is_fresh`: of a session, whether its user proved recently who they are. Of an access token, `is_single_tier`:
    whether it has no refresh token; `until`: when it, or its refresh token, expires, and what is made with it at the
    latest; None is never. `digest`: of a session or a password, what is stored of it while it has not ended.
    """

    kind: CredentialKind
    id: str = ""
    is_fresh: bool = field(default=False, compare=False)
    is_single_tier: bool = field(default=False, compare=False)
    until: datetime | None = field(default=None, compare=False)
    digest: str | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}".rstrip()


BY_PASSWORD = Credential(CredentialKind.PASSWORD)
BY_PROVIDER = Credential(CredentialKind.PROVIDER)
BY_PROXY = Credential(CredentialKind.PROXY)
