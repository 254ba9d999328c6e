"""Deletes what ended longer ago than ``retention_days``, and counters of failed sign-ins that are over."""

from app.domain.identity import Caller
from app.services import Services


def run(services: Services) -> int:
    return services.expiring.purge(Caller("job:purge_tokens"))
