"""Credentials: what a caller authenticated with; each audit event names it. Not here: checking them."""

from dataclasses import dataclass
from enum import StrEnum


class CredentialKind(StrEnum):
    """In the words that people read in the audit log."""

    PASSWORD = "password"
    SESSION = "session"
    ACCESS_TOKEN = "access token"
    REFRESH_TOKEN = "refresh token"
    COMMAND_LINE = "command line"
    JOB = "job"


@dataclass(frozen=True)
class Credential:
    """`id`: a token's public id, a session's number, a command's system user, a job's name; empty for a password."""

    kind: CredentialKind
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.id}".rstrip()


BY_PASSWORD = Credential(CredentialKind.PASSWORD)
