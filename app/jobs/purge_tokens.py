"""Deletes tokens that ended longer ago than ``retention_days``, and old counters, keys and sessions."""

from app.domain.identity import Caller
from app.services import Services


def run(services: Services) -> int:
    return services.expiring.purge(Caller("job:purge_tokens"))
