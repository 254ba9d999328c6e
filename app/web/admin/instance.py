"""The background jobs."""

from flask.typing import ResponseReturnValue

from app.http.context import parts, services
from app.http.guards import GuardedBlueprint
from app.web.admin.jobs import condition
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page

instance = GuardedBlueprint("web_instance", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin",
                            template_folder="../templates")  # fmt: skip


@instance.get("/jobs")
def list_jobs() -> ResponseReturnValue:
    """The background jobs and their latest runs."""
    health = services().job_runs.health(parts().schedule)
    warning = services().clock_agreement.warning(parts().clock())
    return page("admin_jobs.html", jobs=[(each, condition(each)) for each in health], clock_warning=warning)
