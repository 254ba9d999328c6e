"""Marks access tokens whose refresh tokens one act revoked, where the process that did it has ended."""

from app.services import Services


def run(services: Services) -> int:
    return services.bulk_revocations.finish_all()
