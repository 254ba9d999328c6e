"""Marks expired tokens as such, for lists; no decision depends on it."""

from app.services import Services


def run(services: Services) -> int:
    return services.expiring.expire_due()
