"""Removes audit events that are older than ``audit_days`` and ``audit_high_volume_days``."""

from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import Caller
from app.services import Services

CALLER = Caller("job:purge_audit", credential=Credential(CredentialKind.JOB, "purge_audit"))


def run(services: Services) -> int:
    return services.audit.purging.purge(CALLER)
