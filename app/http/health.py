"""``/healthz`` and ``/readyz``, for load balancers and operators."""

from flask import Response, jsonify

from app.domain.findings import Level
from app.http.guards import ANYBODY, GuardedBlueprint
from app.services.health import Health

RETRY_AFTER_SECONDS = 1


def health_blueprint(checks: Health) -> GuardedBlueprint:
    """The two routes; ``/readyz`` runs `checks`."""
    health = GuardedBlueprint("health", __name__, guard=ANYBODY)

    @health.get("/healthz")
    def healthz() -> Response:
        """The process is alive; does not check the database."""
        return jsonify({"alive": True})

    @health.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """Whether the service can do its work, writes included; what is wrong, and what to do."""
        findings = checks.examine_in_time()
        problems = [each.line for each in findings if each.level is Level.PROBLEM]
        warnings = [each.line for each in findings if each.level is Level.WARNING]
        answer = jsonify({"ready": not problems, "detail": "; ".join(problems) or None, "warnings": warnings})
        if problems:
            answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer, 503 if problems else 200

    return health
