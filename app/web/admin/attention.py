"""What needs somebody's attention, as lines of the overview, each with a link to what it is about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from app.domain.text import count_of
from app.domain.token_view import Group
from app.domain.token_warnings import TokenWarning
from app.services.job_runs import JobHealth
from app.services.overview import SOON, Summary
from app.web.admin.jobs import condition

WARNINGS = {
    TokenWarning.SHARED: ("seems shared", "seem shared", "by programs that replace each other's access tokens"),
    TokenWarning.EXPOSED: ("is exposed", "are exposed", "because a secret was sent in a place where logs keep it"),
    TokenWarning.WRONG_CLOCK: ("was created in the future", "were created in the future", "as a clock is or was wrong"),
}
"""What is said of one token and of several, and what follows the link."""


@dataclass(frozen=True)
class Concern:
    """`icon`: of the sprite. `since`: an instant to show beside it, if any."""

    icon: str
    text: str
    rest: str
    href: str
    since: datetime | None = None


def concerns(summary: Summary, jobs: Sequence[JobHealth], clock_warning: str | None) -> Iterator[Concern]:
    """The most urgent first; only what is there."""
    jobs_page = url_for("web_instance.list_jobs")
    if clock_warning:
        yield Concern("clock", "The clock does not agree", "with the time that the database has seen pass", jobs_page)
    failing = [each for each in jobs if condition(each)[0] == "bad"]
    if failing:
        names = ", ".join(each.job for each in failing)
        yield Concern("cycle", f"{count_of(len(failing), 'job')} failed", f"in the last run: {names}", jobs_page)
    for warning, (of_one, of_several, rest) in WARNINGS.items():
        if number := summary.warnings[warning]:
            text = f"{count_of(number, 'token')} {of_one if number == 1 else of_several}"
            yield Concern("warning", text, rest, url_for("web_tokens.list_tokens", warning=warning))
    if number := summary.unanswered:
        text = f"{count_of(number, 'service account')} {'has' if number == 1 else 'have'} no active responsible person"
        yield Concern("users", text, "tokens keep working", url_for("web_users.list_users", state="unanswered"))
    if number := summary.expiring:
        text = f"{count_of(number, 'token')} expire{'s' if number == 1 else ''} within {SOON.days} days"
        yield Concern("clock", text, "unless somebody regenerates or replaces them", soon(), summary.first)


def soon() -> str:
    """The address of the list of tokens that expire within SOON."""
    return url_for("web_tokens.list_tokens", status=Group.EXPIRING)
