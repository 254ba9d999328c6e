"""Writes down which tokens have expired. Nothing but lists and this job itself reads what it writes."""

from app.services import Services


def run(services: Services) -> int:
    return services.expiring.expire_due()
