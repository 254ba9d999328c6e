"""The overview: users, tokens by status, what needs attention, upcoming expiries, checks and jobs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for
from flask.typing import ResponseReturnValue

from app.domain.text import count_of
from app.domain.tokens import Ending, TokenStatus
from app.http.context import parts, services
from app.http.guards import GuardedBlueprint
from app.services.check_counts import HourOfChecks
from app.services.overview import Summary
from app.web import charts
from app.web.admin.attention import concerns
from app.web.admin.jobs import condition
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page, status_word

overview = GuardedBlueprint("web_overview", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin",
                            template_folder="../templates")  # fmt: skip

HOURS, HOURS_A_DAY = 48, 24

STATUSES = {TokenStatus.ACTIVE: 1, TokenStatus.SUPERSEDED: 3, TokenStatus.EXPIRED: 4, TokenStatus.REVOKED: 2}
"""The statuses in order, and the colour of each in the charts."""

ACCEPTED, REFUSED, USUAL, URGENT = 1, 2, 1, 4
"""Colours of the charts."""


@dataclass(frozen=True)
class Tier:
    """The tokens of a tier by status, as a chart and its legend: colours, statuses and numbers."""

    name: str
    total: int
    bars: list[charts.Bar]
    legend: list[tuple[int, str, int]]


@dataclass(frozen=True)
class Checks:
    """Of a number of hours."""

    accepted: int
    refused: int

    @property
    def total(self) -> int:
        return self.accepted + self.refused

    @property
    def share(self) -> str:
        """Of the refused ones, in per cent."""
        return f"{100 * self.refused / self.total:.1f}%" if self.total else "0%"


@overview.get("")
def show_overview() -> ResponseReturnValue:
    """The whole instance."""
    summary, hours = services().overview.summary(), services().check_counts.latest(HOURS)
    jobs = services().job_runs.health(parts().schedule)
    return page(
        "admin_overview.html",
        summary=summary,
        concerns=list(concerns(summary, jobs, services().clock_agreement.warning(summary.now))),
        tiers=_tiers(summary),
        endings=charts.place_columns(_endings(summary.endings), (URGENT, USUAL)),
        days=[(day_name(each), each.number, that_day(each)) for each in summary.endings if each.number],
        later=sum(each.number - each.soon for each in summary.endings),
        checks=charts.place_columns([_hour(each) for each in hours], (ACCEPTED, REFUSED)),
        hours=[(hour_name(each), each) for each in reversed(hours) if each.accepted or each.refused],
        last_day=_checks(hours[-HOURS_A_DAY:]),
        last_hours=_checks(hours),
        jobs=[(each, condition(each)) for each in jobs],
    )


def _checks(hours: Sequence[HourOfChecks]) -> Checks:
    return Checks(sum(each.accepted for each in hours), sum(each.refused for each in hours))


def _tiers(summary: Summary) -> list[Tier]:
    return [
        _tier("Refresh tokens", summary.refresh_tokens),
        _tier("Access tokens of refresh tokens", summary.access_tokens),
        _tier("API tokens", summary.api_tokens),
    ]


def _tier(name: str, counts: Counter[str]) -> Tier:
    shown = {each: counts[each] for each in STATUSES if counts[each]}
    bars = charts.place_meter([(STATUSES[each], number) for each, number in shown.items()])
    legend = [(STATUSES[each], status_word(each), number) for each, number in shown.items()]
    return Tier(name, counts.total(), bars, legend)


def _endings(endings: Sequence[Ending]) -> list[charts.Column]:
    """Those within SOON in a colour of their own."""
    return [
        charts.Column(
            f"{day_name(each)}: {count_of(each.number, 'token')}",
            (each.soon, each.number - each.soon),
            f"{each.day.day} {each.day:%b}",
            that_day(each) if each.number else "",
        )
        for each in endings
    ]


def that_day(each: Ending) -> str:
    """The address of the list of tokens that expire on that day."""
    day = each.day.isoformat()
    return url_for("web_tokens.list_tokens", status=TokenStatus.ACTIVE, expires_from=day, expires_to=day, to_renew=1)


def day_name(each: Ending) -> str:
    """Such as "1 December"."""
    return f"{each.day.day} {each.day:%B}"


def hour_name(each: HourOfChecks) -> str:
    """Such as "Sun 03:00"."""
    return f"{each.hour:%a %H:%M}"


def _hour(each: HourOfChecks) -> charts.Column:
    description = f"{hour_name(each)}: {each.accepted:,} accepted, {each.refused:,} refused"
    return charts.Column(description, (each.accepted, each.refused), hour_name(each))
