"""Deletes tokens that ended longer ago than ``retention_days``, and old counters, keys and sessions."""

from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import Caller
from app.services import Services

CALLER = Caller("job:purge_tokens", credential=Credential(CredentialKind.JOB, "purge_tokens"))


def run(services: Services) -> int:
    return services.expiring.purge(CALLER)
