"""Deletes what ended longer ago than ``retention_days``, and what else is remembered for a time only.

That is counters of failed sign-ins, and keys of creating calls.
"""

from app.domain.identity import Caller
from app.services import Services


def run(services: Services) -> int:
    return services.expiring.purge(Caller("job:purge_tokens"))
