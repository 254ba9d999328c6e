"""The overview: users, tokens by status, upcoming expiries, checks and jobs."""

from flask import url_for
from flask.typing import ResponseReturnValue

from app.domain.text import count_of
from app.domain.tokens import Ending, TokenStatus
from app.http.context import parts, services
from app.http.guards import GuardedBlueprint
from app.services.check_counts import HourOfChecks
from app.services.overview import Summary
from app.web import charts
from app.web.admin.jobs import condition
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import isolated, page, status_word

overview = GuardedBlueprint("web_overview", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin",
                            template_folder="../templates")  # fmt: skip

HOURS = 48
HOURS_A_MARK = 12
DAYS_A_MARK = 10

SERIES = {TokenStatus.ACTIVE: 3, TokenStatus.SUPERSEDED: 1, TokenStatus.EXPIRED: 4, TokenStatus.REVOKED: 2}
"""The statuses in order, and the colour of each."""


@overview.get("")
def show_overview() -> ResponseReturnValue:
    """The whole instance."""
    summary = services().overview.summary()
    hours = services().check_counts.latest(HOURS)
    jobs = [(each, condition(each)) for each in services().job_runs.health(parts().schedule)]
    return page(
        "admin_overview.html",
        summary=summary,
        tiers=_tiers(summary),
        statuses=list(SERIES),
        endings=charts.place_columns([_ending(index, each) for index, each in enumerate(summary.endings)]),
        total_endings=sum(each.number for each in summary.endings),
        checks=charts.place_columns([_hour(each) for each in hours]),
        hours=hours,
        accepted=sum(each.accepted for each in hours),
        refused=sum(each.refused for each in hours),
        jobs=jobs,
    )


def _tiers(summary: Summary) -> list[tuple[str, dict[str, int], charts.RowChart, str]]:
    """Of each tier the name, the number of tokens by status, the chart, and its description."""
    tiers = (
        ("Refresh tokens", summary.refresh_tokens),
        ("API access tokens", summary.access_tokens),
        ("Single-tier API tokens", summary.api_tokens),
    )
    return [(name, counts, _by_status(counts), _description(name, counts)) for name, counts in tiers]


def _by_status(counts: dict[str, int]) -> charts.RowChart:
    return charts.place_rows(
        [charts.Row(status_word(each), counts.get(each, 0), series) for each, series in SERIES.items()]
    )  # fmt: skip


def _description(name: str, counts: dict[str, int]) -> str:
    return f"{name}: " + ", ".join(f"{counts.get(each, 0):,} {status_word(each).lower()}" for each in SERIES)


def _ending(index: int, each: Ending) -> charts.Column:
    description = f"{each.day:%a} {each.day.day} {each.day:%b %Y}: {count_of(each.number, 'token')}{_names(each)}"
    mark = f"{each.day.day} {each.day:%b}" if index % DAYS_A_MARK == 0 else ""
    return charts.Column(description, (each.number,), mark, that_day(each) if each.number else "")


def that_day(each: Ending) -> str:
    """The address of the list of tokens that expire on that day."""
    day = each.day.isoformat()
    return url_for("web_tokens.list_tokens", status=TokenStatus.ACTIVE, expires_from=day, expires_to=day, to_renew=1)


def _names(each: Ending) -> str:
    more = each.number - len(each.names)
    shown = [*map(isolated, each.names), *([f"{more:,} more"] if more and each.names else [])]
    return f": {', '.join(shown)}" if shown else ""


def _hour(each: HourOfChecks) -> charts.Column:
    when = f"{each.hour:%a} {each.hour.day} {each.hour:%b %H:%M} UTC"
    description = f"{when}: {each.accepted:,} accepted, {each.refused:,} refused"
    mark = f"{each.hour:%a %H:%M}" if each.hour.hour % HOURS_A_MARK == 0 else ""
    return charts.Column(description, (each.accepted, each.refused), mark)
