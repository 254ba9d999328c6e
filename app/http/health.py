"""``/healthz`` and ``/readyz``, for load balancers and operators."""

from flask import Response, current_app, jsonify

from app.domain.clock import Clock
from app.domain.errors import Unavailable
from app.http.guards import ANYBODY, GuardedBlueprint
from app.storage import schema
from app.storage.database import Database, refusing_when_away

MOST_CLOCK_DIFFERENCE = 2.0
"""The maximum difference in seconds between this clock and the database's; beyond it, expiry is unreliable."""


def health_blueprint(database: Database, clock: Clock) -> GuardedBlueprint:
    """The two routes; ``/readyz`` checks `database`."""
    health = GuardedBlueprint("health", __name__, guard=ANYBODY)

    @health.get("/healthz")
    def healthz() -> Response:
        """The process is alive; does not check the database."""
        return jsonify({"alive": True})

    @health.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """The database can be reached, its schema is current, and its clock agrees."""
        problem = _readiness_problem(database, clock)
        answer = jsonify({"ready": problem is None, "detail": problem})
        if problem is not None:
            answer.headers["Retry-After"] = "1"
        return answer, 200 if problem is None else 503

    return health


def _readiness_problem(database: Database, clock: Clock) -> str | None:
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
