"""The database knows the keys it is used with, so that a host with other keys does no harm.

Stored is, for each key, a digest under that key of a text that everybody knows: it shows whether two hosts have the
same key, and nothing else. The pepper must agree, every token key whose id both know, and at least one token key; a
host may know more keys or fewer, as it does between the steps of ``daypass keys rotate``.

A database without fingerprints takes those of the first host that upgrades its schema, runs ``init`` or starts to
serve: nothing that is stored could prove the keys. If that was the wrong host, ``daypass keys adopt`` on the right one
corrects it.
"""

from app.domain.audit_seals import SealingKey
from app.domain.clock import Clock
from app.domain.errors import Conflict
from app.domain.findings import Finding, ok, problem, warning
from app.domain.identity import Caller
from app.domain.seals import Seal
from app.storage import audit_seals, key_fingerprints
from app.storage.audit import record
from app.storage.database import Database

NAME = "keys"
PEPPER = "pepper"
TOKEN_KEY = "token key "

REMEDY = (
    "give it the keys of the other hosts (keys.env); if those are lost for good, `daypass keys adopt` makes these the "
    "database's, and earlier tokens and passwords stay useless"
)


class KeyFingerprints:
    """Compares this host's keys with the database's. `token_keys`: id to key. `pepper`: of the passwords."""

    def __init__(self, database: Database, clock: Clock, token_keys: dict[str, bytes], pepper: bytes) -> None:
        self._database = database
        self._clock = clock
        self._sealing_key_id = SealingKey(pepper).key_id
        self._own = {PEPPER: _fingerprint(PEPPER, pepper)}
        self._own |= {f"{TOKEN_KEY}{key_id}": _fingerprint(key_id, key) for key_id, key in token_keys.items()}

    def finding(self) -> Finding:
        """Whether the keys are the database's; refuses with Unavailable."""
        with self._database.reading() as session:
            stored = key_fingerprints.stored(session)
        if differing := self._differing(stored):
            return problem(NAME, f"this host's {differing} is not the one that the database is used with", REMEDY)
        if PEPPER not in stored:
            return warning(NAME, "the database does not know its keys yet", "run `daypass init`")
        return ok(NAME, "they are the database's")

    def missing(self) -> list[str]:
        """The ids of keys that active tokens need and this host does not have; slow where there are many tokens."""
        with self._database.reading() as session:
            needed = key_fingerprints.needed(session, self._clock())
        return sorted(each for each in needed if f"{TOKEN_KEY}{each}" not in self._own)

    def remember(self) -> None:
        """Store the fingerprints that the database does not have; refuses with Conflict when one differs."""
        with self._database.transaction() as session:
            stored = key_fingerprints.stored(session)
            self._refuse_differing(stored)
            if not self._own.items() <= stored.items():
                key_fingerprints.add(session, self._own, self._clock())
            self._refuse_differing(key_fingerprints.stored(session))

    def require(self) -> None:
        """Refuse with Conflict keys other than the database's."""
        with self._database.reading() as session:
            self._refuse_differing(key_fingerprints.stored(session))

    def adopt(self, caller: Caller) -> None:
        """Make this host's keys the database's, whatever they were.

        The seals of the audit log that another pepper has made prove nothing any more: all is sealed again.
        """
        self._database.before_writing = None
        with self._database.transaction() as session:
            before = key_fingerprints.stored(session)
            key_fingerprints.clear(session)
            now = self._clock()
            key_fingerprints.add(session, self._own, now)
            changed = sorted(name for name, value in self._own.items() if before.get(name) != value)
            about: dict[str, str | int] = {"changed": ", ".join(changed)}
            if PEPPER in changed and (number := audit_seals.forget_others(session, self._sealing_key_id, now)):
                about["audit_seals_forgotten"] = number
            record(session, now, caller, "keys.adopted", ("keys", "all"), **about)

    def _refuse_differing(self, stored: dict[str, str]) -> None:
        if differing := self._differing(stored):
            raise Conflict(f"This host's {differing} is not the one that the database is used with: {REMEDY}.")

    def _differing(self, stored: dict[str, str]) -> str:
        """The name of the first key whose fingerprint is another one, or of the signing one if none is shared."""
        differing = next((name for name in self._own if stored.get(name, self._own[name]) != self._own[name]), "")
        token_keys = [name for name in self._own if name != PEPPER]
        are_others_known = any(name != PEPPER for name in stored)
        if differing or not are_others_known or any(name in stored for name in token_keys):
            return differing
        return token_keys[0]


def _fingerprint(name: str, key: bytes) -> str:
    return Seal(key, "fingerprint of a key").of(name)
