"""The overview and the page of the jobs: figures that agree with the lists, and what needs somebody's attention."""

import re
from html import unescape

import pytest
from flask import Flask

from app.domain.errors import Conflict
from app.domain.identity import Role
from app.jobs import JOBS
from app.services import Services
from app.services.overview import DAYS_AHEAD
from app.storage.database import Database
from app.storage.tables import RefreshTokenRow
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import Pages, page, words
from tests.factories import accept_clock, allowed_user, generate, issue, make_user, mint


@pytest.fixture(scope="module")
def login(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


@pytest.fixture
def admin(login: Somebody) -> Pages:
    login.pages.get("/account/password")
    return login.pages


def concerns(admin: Pages) -> dict[str, str]:
    """What needs attention, and the address that each line leads to."""
    listed = re.search(r'<ul class="todo">(.*?)</ul>', admin.get("/admin").text, re.S)
    found = re.findall(r'<a href="([^"]+)">([^<]+)</a>', listed[1]) if listed else []
    return {unescape(text): unescape(href) for href, text in found}


def test_the_figures_and_charts_agree_with_the_lists(services: Services, admin: Pages, setting: Setting) -> None:
    owner = allowed_user(services)
    with setting(refresh_token_lifespan="11"):
        mint(services, issue(services, owner, "shown-at-its-end"))
    with setting(refresh_token_lifespan="9"):
        for _ in range(26):  # so many that the lines of the chart are further apart
            issue(services, owner)
    generate(services, owner)
    shown = admin.get("/admin")
    glance = services.overview.summary()
    text, active = words(shown), glance.access_tokens["active"] + glance.api_tokens["active"]
    assert f"Active users {glance.active_users:,} {glance.disabled_users:,} disabled" in text
    assert f"Active refresh tokens {glance.refresh_tokens['active']:,} {glance.refresh_tokens.total():,} in all" in text
    assert f"Active access tokens {active:,} {glance.api_tokens['active']} API token" in text
    by_day = re.search(r"Within 7 days ([\d,]+) Later ([\d,]+)", text)
    assert by_day is not None
    assert int(by_day[1]) == glance.expiring, "as what needs attention says"
    assert int(by_day[1]) + int(by_day[2]) == sum(each.number for each in glance.endings)
    bars = re.findall(r'<a href="([^"]+)" tabindex="-1"><title>[^:]+: ([\d,]+) token', shown.text)
    assert [int(number) for _, number in bars] == [each.number for each in glance.endings if each.number]
    rows = [href for tag, named in page(shown).tags if tag == "a" and (href := named.get("href") or "") in
            {unescape(each) for each, _ in bars} and "tabindex" not in named]  # fmt: skip
    assert rows == [unescape(each) for each, _ in bars], "the table leads where the chart does"


def test_checks_are_counted_by_the_hour_and_the_day(services: Services, admin: Pages) -> None:
    assert "No checks in the last 48 hours." in words(admin.get("/admin"))
    for _ in range(3):
        services.check_counts.accept()
    services.check_counts.refuse()
    services.check_counts.flush()
    shown = words(admin.get("/admin"))
    assert "Checks in 24 hours 4 25.0% refused" in shown
    assert "Accepted 3 Refused 1" in shown and "3 accepted, 1 refused" in shown


@pytest.fixture
def warned(services: Services, database: Database) -> None:
    """Two tokens that seem shared, one of which is exposed."""
    owner = make_user(services)
    ids = [issue(services, owner).token.id for _ in range(2)]
    with database.transaction() as session:
        for number, each in enumerate(ids):
            row = session.get_one(RefreshTokenRow, each)
            row.sharing_seen_at = row.created_at
            row.secret_seen_at = None if number else row.created_at


def test_what_needs_attention_leads_to_the_list_of_it(
    services: Services, admin: Pages, setting: Setting, warned: None
) -> None:
    with setting(refresh_token_lifespan="2"):
        issue(services, make_user(services))
    found = concerns(admin)
    assert {"2 tokens seem shared", "1 token is exposed"} <= found.keys()
    number = services.overview.summary().expiring
    expiring = f"{number} tokens expire within 7 days" if number != 1 else "1 token expires within 7 days"
    for text, href in found.items():
        if text in ("2 tokens seem shared", "1 token is exposed", expiring):
            rows = re.findall(r"<tr(?: class=\"[^\"]*\")?>\s*<t[hd]", admin.get(href).text.split("<tbody>")[1])
            assert len(rows) == int(text.split()[0]), text
    assert expiring in found


def test_a_job_that_failed_and_a_clock_that_does_not_agree_need_attention(
    services: Services, admin: Pages, clock: MovableClock
) -> None:
    assert not {"1 job failed", "The clock does not agree"} & concerns(admin).keys()
    with pytest.raises(ZeroDivisionError):
        services.job_runs.run(JOBS[0].name, lambda: 1 // 0, "host-a", None)
    assert concerns(admin)["1 job failed"] == "/admin/jobs"
    assert f"{JOBS[0].name} last held by host-a Failed" in words(admin.get("/admin/jobs"))
    with clock.later(days=-3):
        accept_clock(services)
    assert concerns(admin)["The clock does not agree"] == "/admin/jobs"
    accept_clock(services)


def test_every_job_is_shown_with_how_it_fares(services: Services, admin: Pages, clock: MovableClock) -> None:
    services.job_runs.run(JOBS[0].name, lambda: 5, "host-a", JOBS[0].every)
    before = words(admin.get("/admin/jobs"))
    assert all(job.name in before for job in JOBS)
    with clock.later(minutes=9):
        late = words(admin.get("/admin/jobs"))
    assert f"{JOBS[0].name} last held by host-a Late" in late
    assert f"{JOBS[0].name} last held by host-a OK" in before


def test_a_clock_that_does_not_agree_is_shown_on_the_page_of_the_jobs(
    services: Services, admin: Pages, clock: MovableClock
) -> None:
    with clock.later(days=-3):
        accept_clock(services)
    shown = words(admin.get("/admin/jobs"))
    assert "3 days ahead of the time that the database has seen pass" in shown and "daypass clock accept" in shown
    with pytest.raises(Conflict):
        services.job_runs.run_by_hand(JOBS[0].name, services.expiring.expire_due, "host-a")
    assert f"{JOBS[0].name} last held by host-a Held" in words(admin.get("/admin/jobs"))
    accept_clock(services)
    assert "No token is lost" in shown and "No token is lost" not in words(admin.get("/admin/jobs"))


def test_the_chart_has_a_column_for_each_day(admin: Pages) -> None:
    assert f'viewBox="0 0 {10 * DAYS_AHEAD} 100"' in admin.get("/admin").text
