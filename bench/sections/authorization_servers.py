"""Introspection beside other authorization servers, all on the same PostgreSQL and with both cores of a small machine.

Those hold the tokens that are presented and no others; Daypass holds as many as in the comparison.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from bench import hydra, keycloak
from bench.load import Carrier, Target
from bench.servers import Server
from bench.subjects import INTROSPECTION, PEER, Subject, daypass_subjects, side_by_side, with_other_end
from bench.workspace import POSTGRESQL, Workspace

WORKERS = 2
WARM_UPS = 5
"""Java compiles what has run often enough."""


def prepare(workspace: Workspace) -> None:
    """Fill the databases."""
    workspace.daypass(POSTGRESQL, workspace.plan.tokens)
    list(_others(workspace))


def measure(workspace: Workspace) -> dict[str, Any]:
    """Requests a second of each."""
    with ExitStack() as running:
        subjects = list(daypass_subjects(workspace, running, (INTROSPECTION, "bearer"), WORKERS, (POSTGRESQL,)))
        for key, label, carrier, (server, tokens, path) in _others(workspace):
            running.enter_context(server)
            target = Target(server.url + path, tokens, carrier, server.pid, workspace.postgres.pid)
            subjects.append(Subject(key, label, PEER, POSTGRESQL, target, with_other_end(tokens)))
        return side_by_side(workspace, subjects, WARM_UPS)


def _others(workspace: Workspace) -> Iterator[tuple[str, str, Carrier, tuple[Server, Any, str]]]:
    """Those whose programs are given: key, label, how a request carries its token, and what to start."""
    plan = workspace.plan
    if plan.hydra:
        yield (
            "hydra",
            f"Ory Hydra {hydra.version(plan.hydra)}".strip(),
            Carrier(body="token=%s"),
            hydra.hydra(workspace, plan.hydra),
        )
    if plan.keycloak:
        label = f"Keycloak {keycloak.version(plan.keycloak)}"
        yield "keycloak", label, keycloak.CARRIER, keycloak.keycloak(workspace, plan.keycloak)
