"""The audit log as a whole: sealing, verifying and exporting, and retention, with one key."""

from dataclasses import dataclass

from app.domain.audit_seals import SealingKey
from app.domain.clock import Clock
from app.services.audit_purging import AuditPurging
from app.services.audit_sealing import AuditSealing
from app.services.audit_trail import AuditTrail
from app.services.clock_agreement import ClockAgreement
from app.storage.database import Database


@dataclass(frozen=True)
class AuditLog:
    """The use cases of the audit log. Not here: lists of events (``audit_list``)."""

    sealing: AuditSealing
    trail: AuditTrail
    purging: AuditPurging


def audit_log(database: Database, clock: Clock, agreement: ClockAgreement, pepper: bytes) -> AuditLog:
    """`pepper`: the key that is never rotated, so that all seals can be verified as long as the installation lives."""
    key = SealingKey(pepper)
    return AuditLog(
        AuditSealing(database, clock, key),
        AuditTrail(database, clock, key),
        AuditPurging(database, clock, key, agreement),
    )
