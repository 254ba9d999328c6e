"""Seals of the audit log: what each proves, and the check that events and seals belong together.

Each stream of events is a chain of ranges in order of id. A seal is an HMAC over a range's events and the seal before,
so that nobody without the key can change, remove, add or reorder an event of a sealed range. Events and seals are
checked in one pass, in constant memory, whether they come from the database or from an export.
Not here: reading and writing them (``app.services.audit_sealing``, ``audit_trail``).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.domain.audit import AuditEvent, Stream, stream_of
from app.domain.clock import utc_text
from app.domain.seals import Seal
from app.domain.text import count_of

VERSION = "1"
"""Of the bytes that are sealed."""

GENESIS = ""
"""Stands for the seal before the first one."""

LATE = timedelta(minutes=10)
"""Events are sealed within a minute or two. A longer time shows that sealing did not run, or was done again."""


@dataclass(frozen=True)
class AuditSeal:
    """The seal of the range from `first_id` to `last_id` of a stream, which has `number` events.

    `position`: 1 for the first of its stream. `key_id`: of the key of `mac`. With `removed_at`, the events of this
    range and of those before were deleted by retention, which `removal_mac` proves.
    """

    stream: Stream
    position: int
    first_id: int
    last_id: int
    number: int
    sealed_at: datetime
    key_id: str
    mac: str
    removed_at: datetime | None = None
    removal_mac: str | None = None

    def __str__(self) -> str:
        """For people."""
        at = utc_text(self.sealed_at, "seconds")
        return f"range {self.position} of the {self.stream} events ({self.first_id} to {self.last_id}, sealed at {at})"


@dataclass(frozen=True)
class Beginning:
    """Where a stream begins after a seal whose events are not there; `is_removed`: because retention deleted them."""

    seal: AuditSeal
    is_removed: bool


@dataclass(frozen=True)
class StoredEvent:
    """An event with its details as they are stored, in JSON."""

    event: AuditEvent
    detail: str

    @property
    def stream(self) -> Stream:
        return stream_of(self.event.action)

    def sealed_bytes(self) -> bytes:
        """All columns in one spelling, the same for both databases and an export."""
        event = self.event
        columns = (
            event.id, utc_text(event.at, "microseconds"), event.actor, event.actor_id, event.action, event.object_kind,
            event.object_id, event.address, event.request_id, event.result, self.detail, event.credential,
        )  # fmt: skip
        # With its length before each text, no two events have the same bytes; None is not the empty text.
        texts = ("-" if each is None else f"{len(str(each))}:{each}" for each in columns)
        return f"v{VERSION}|{'|'.join(texts)}\n".encode("utf-8", "surrogatepass")


Entry = StoredEvent | AuditSeal | Beginning
"""What a log consists of, in order: beginnings, then events, each seal after the events of its range."""


class Mismatch(Exception):
    """The first range that is not as it was sealed, and why, as a sentence."""


@dataclass
class Tally:
    """The events of one range, one after the other: their number, their ids and their digest."""

    number: int = 0
    first: AuditEvent | None = None
    last: AuditEvent | None = None
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)

    def add(self, stored: StoredEvent) -> None:
        self.first, self.last = self.first or stored.event, stored.event
        self.number += 1
        self._hash.update(stored.sealed_bytes())

    @property
    def ids(self) -> tuple[int, int]:
        return (self.first.id, self.last.id) if self.first and self.last else (0, 0)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class SealingKey:
    """Makes and checks seals. `key`: a secret of the instance that is not in the database."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key, "audit log")
        self.key_id = self._seal.of("key id")[:16]

    def seal(self, previous: AuditSeal | None, tally: Tally, stream: Stream, now: datetime) -> AuditSeal:
        """The seal of these events, of which there is at least one, after `previous`."""
        position = previous.position + 1 if previous else 1
        seal = AuditSeal(stream, position, *tally.ids, tally.number, now, self.key_id, "")
        return replace(seal, mac=self._mac(seal, previous, tally.digest))

    def fits(self, seal: AuditSeal, previous: AuditSeal | None, digest: str) -> bool:
        """Whether `seal` is of events with this digest, and the next one after `previous`."""
        return seal.mac == self._mac(seal, previous, digest)

    def remove(self, seal: AuditSeal, now: datetime) -> AuditSeal:
        """The same seal, with the proof that its range was removed."""
        return replace(seal, removed_at=now, removal_mac=self._removal_mac(seal, now))

    def proves_removal(self, seal: AuditSeal) -> bool:
        return seal.removed_at is not None and seal.removal_mac == self._removal_mac(seal, seal.removed_at)

    def _mac(self, seal: AuditSeal, previous: AuditSeal | None, digest: str) -> str:
        before = previous.mac if previous else GENESIS
        return self._seal.of("seal", VERSION, *_members(seal), before, digest)

    def _removal_mac(self, seal: AuditSeal, at: datetime) -> str:
        return self._seal.of("removal", VERSION, *_members(seal), seal.mac, utc_text(at, "microseconds"))


def _members(seal: AuditSeal) -> tuple[str, ...]:
    numbers = (seal.position, seal.first_id, seal.last_id, seal.number)
    return (str(seal.stream), *map(str, numbers), utc_text(seal.sealed_at, "microseconds"), seal.key_id)


class Chains:
    """Checks the entries of a log. Raises Mismatch at the first range that does not match."""

    def __init__(self, key: SealingKey) -> None:
        self._key = key
        self.latest: dict[Stream, AuditSeal] = {}
        self.unsealed = {stream: Tally() for stream in Stream}
        self.events = self.ranges = 0
        """How many match."""
        self.late: AuditSeal | None = None
        """The first range that was sealed long after its first event."""
        self.beginnings: list[str] = []
        """Where streams do not begin with their first range, a sentence each."""

    def add(self, entry: Entry) -> None:
        """The next entry."""
        match entry:
            case StoredEvent():
                self.unsealed[entry.stream].add(entry)
            case AuditSeal():
                self._add_seal(entry)
            case Beginning():
                self._begin(entry.seal, entry.is_removed)

    def add_all(self, entries: Iterable[Entry]) -> "Chains":
        for each in entries:
            self.add(each)
        return self

    def _begin(self, seal: AuditSeal, is_removed: bool) -> None:
        if seal.stream in self.latest or self.unsealed[seal.stream].number:
            raise Mismatch(f"There is a second beginning of the {seal.stream} events, after {seal}.")
        self._refuse_other_key(seal)
        if is_removed and not self._key.proves_removal(seal):
            raise Mismatch(f"The events up to {seal} are missing, and it was not Daypass that removed them.")
        self.latest[seal.stream] = seal
        self.beginnings.append(f"{'Removed by retention' if is_removed else 'Not in this file'}: up to {seal}.")

    def _add_seal(self, seal: AuditSeal) -> None:
        previous, tally = self.latest.get(seal.stream), self.unsealed[seal.stream]
        expected = previous.position + 1 if previous else 1
        if seal.position != expected:
            missing = f"range {expected} of the {seal.stream} events"
            raise Mismatch(f"The seal of {missing} is missing: the next one is of {seal}.")
        self._refuse_other_key(seal)
        is_complete = (seal.number, seal.first_id, seal.last_id) == (tally.number, *tally.ids)
        if not is_complete or not self._key.fits(seal, previous, tally.digest):
            raise Mismatch(_difference(seal, tally))
        self.events += tally.number
        self.ranges += 1
        if self.late is None and tally.first and seal.sealed_at - tally.first.at > LATE:
            self.late = seal
        self.latest[seal.stream], self.unsealed[seal.stream] = seal, Tally()

    def _refuse_other_key(self, seal: AuditSeal) -> None:
        if seal.key_id != self._key.key_id:
            raise Mismatch(
                f"{_capitalized(seal)} is sealed with the key {seal.key_id}, which this host does not have "
                f"(its own is {self._key.key_id}): it can't be verified here."
            )


def _difference(seal: AuditSeal, tally: Tally) -> str:
    """What is wrong with a range, as far as it shows."""
    start = f"{_capitalized(seal)} does not match: "
    if tally.number < seal.number:
        return f"{start}{count_of(seal.number - tally.number, 'event')} of {seal.number} missing."
    if tally.number > seal.number:
        return f"{start}{count_of(tally.number - seal.number, 'event')} more than the {seal.number} that were sealed."
    return f"{start}an event was changed, replaced or reordered, or a seal was changed."


def _capitalized(seal: AuditSeal) -> str:
    return f"{seal}".replace("range", "Range", 1)
