"""What a check of the service's health found. Not here: the checks (``app.services.health``)."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`PROBLEM`: the service can't do its work, or must not start. `WARNING`: it works, but somebody should act."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """`name`: of the check, one or two words. `detail`: what is so, or what is wrong. `remedy`: what to do.

    `cause`: the driver's or the system's words, which may name hosts and paths: for commands and logs, not for answers
    to strangers.
    """

    name: str
    level: Level
    detail: str
    remedy: str = ""
    cause: str = ""

    @property
    def line(self) -> str:
        """What is wrong and what to do, in one line."""
        return f"{self.detail}: {self.remedy}" if self.remedy else self.detail

    @property
    def line_with_cause(self) -> str:
        """The same for administrators."""
        return f"{self.line} ({self.cause})" if self.cause else self.line


def ok(name: str, detail: str) -> Finding:
    return Finding(name, Level.OK, detail)


def warning(name: str, detail: str, remedy: str = "", cause: str = "") -> Finding:
    return Finding(name, Level.WARNING, detail, remedy, cause)


def problem(name: str, detail: str, remedy: str = "", cause: str = "") -> Finding:
    return Finding(name, Level.PROBLEM, detail, remedy, cause)
