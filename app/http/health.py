"""``/healthz`` and ``/readyz``: for whoever watches the process.

Here belongs what a load balancer and an operator need. Not here: figures (``/metrics``).
"""

from flask import Response, current_app, jsonify

from app.domain.clock import Clock
from app.domain.errors import Unavailable
from app.http.guards import ANYBODY, GuardedBlueprint
from app.storage import schema
from app.storage.database import Database, refusing_when_away

MOST_CLOCK_DIFFERENCE = 2.0
"""Seconds between our clock and the database's beyond which expiry can't be trusted."""


def health_blueprint(database: Database, clock: Clock) -> GuardedBlueprint:
    """The two routes; readiness asks `database`."""
    health = GuardedBlueprint("health", __name__, guard=ANYBODY)

    @health.get("/healthz")
    def healthz() -> Response:
        """Alive: answers whatever the database does."""
        return jsonify({"alive": True})

    @health.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """Ready: the database can be reached, has the current schema, and the same time as we have."""
        why = _unreadiness(database, clock)
        answer = jsonify({"ready": why is None, "detail": why})
        if why is not None:
            answer.headers["Retry-After"] = "1"
        return answer, 200 if why is None else 503

    return health


def _unreadiness(database: Database, clock: Clock) -> str | None:
    try:
        with refusing_when_away():
            if schema.is_behind(schema.current_revision(database.engine)):
                return "the database's schema is not current"
            difference = schema.clock_difference(database.engine, clock())
    except Unavailable as error:
        return error.what
    if abs(difference) > MOST_CLOCK_DIFFERENCE:
        current_app.logger.error("the database's clock differs from ours by %.1f s", difference)
        return "the database's clock and this machine's differ by more than two seconds"
    return None
