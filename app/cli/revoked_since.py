"""The option ``--revoked-since`` of ``daypass restore``: what becomes of tokens that were revoked since the backup."""

from dataclasses import dataclass
from pathlib import Path

import click

from app.domain.audit import AuditEvent
from app.domain.audit_export import parse_line
from app.domain.audit_seals import AuditSeal, Beginning, Entry, StoredEvent

KEEP, REVOKE_ALL, OLD = "keep", "revoke-all", "old"


@dataclass(frozen=True)
class Choice:
    """What becomes of tokens that were revoked since the backup. `events`: of an exported audit log.

    `removed`: the seals of what retention had removed from that log.
    """

    word: str
    events: list[AuditEvent] | None = None
    removed: tuple[AuditSeal, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Choice":
        """From the option's value; a file is read at once."""
        if text in (KEEP, REVOKE_ALL, OLD):
            return cls(text)
        path = Path(text)
        if not path.is_file():
            raise click.UsageError(f"--revoked-since is {KEEP}, {REVOKE_ALL}, {OLD} or a file that exists.")
        return cls(f"file {path.name}", *_split(_read_entries(path)))


def _split(entries: list[Entry]) -> tuple[list[AuditEvent], tuple[AuditSeal, ...]]:
    """The events, and the seals of what was removed; the other seals are for `daypass audit verify`."""
    removed = tuple(each.seal for each in entries if isinstance(each, Beginning) and each.is_removed)
    return [each.event for each in entries if isinstance(each, StoredEvent)], removed


def _read_entries(path: Path) -> list[Entry]:
    entries = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    entries.append(_entry(path, number, line))
    except OSError as error:
        raise click.ClickException(f"can't read {path} ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is no text in UTF-8, as `daypass audit export` writes it.") from error
    return entries


def _entry(path: Path, number: int, line: str) -> Entry:
    try:
        return parse_line(line)
    except (ValueError, RecursionError):  # the error's text could hold a part of the line
        message = f"{path}, line {number}: not an event as `daypass audit export` writes it."
        raise click.ClickException(message) from None
