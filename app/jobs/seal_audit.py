"""Seals the audit events that have happened since its last run."""

from app.services import Services


def run(services: Services) -> int:
    return services.audit.sealing.seal()
