"""The instance on which the errands are run: the sample, and what they are about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from app.domain.identity import Role
from app.domain.token_filter import TokenFilter
from tests.browser import sample
from tests.browser.past import HOUR, Past, past_of
from tests.databases import SqliteFiles
from tests.drivers.browser import Visitor, chromium
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD

OWNER_OF_MANY, LEAVER, MANY = "berta", "tom", 500

OWNERS, ADMINISTRATORS = "/account/auth", "/admin"
"""Where an errand begins: the page that is there after signing in."""


@dataclass
class Scene:
    """What the errands need to know. Each of them has pages of its own."""

    browser: Browser
    url: str
    public_id_in_log: str
    """Of the 250th of 500 tokens."""
    access_token_of_job: str
    """The public id of the access token that a job sent."""
    job: str
    """The name of the refresh token that the job uses."""
    refused: str
    """The public id of a refresh token that was refused."""

    @contextmanager
    def person(self, username: str, at: str) -> Iterator[Page]:
        """The page of that user, signed in, with the clipboard at hand."""
        permissions = ["clipboard-read", "clipboard-write"]
        with Visitor(
            self.browser, self.url, permissions=permissions, viewport={"width": 1440, "height": 900}
        ) as visitor:
            visitor.sign_in(username, PASSWORD)
            visitor.page.goto(at)
            yield visitor.page


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """A live server with months of data: forty users, one of them with five hundred tokens."""
    with SqliteFiles(folder).fresh(folder) as url, past_of(url, folder) as past:
        sample.fill(past)
        many = _many(past)
        job = past.services.listing.find(_newest(past, "nightly-etl"))
        access = past.services.overview.access_token_under(job.token.id)
        assert access is not None
        with LiveServer(url, folder) as server, chromium() as browser:
            refused = _newest(past, "old-laptop")
            yield Scene(browser, server.url, many[MANY // 2], access.public_id, "nightly-etl", refused)


def _many(past: Past) -> list[str]:
    """Public ids, oldest first."""
    past.ago(59 * 24 * HOUR)
    berta = past.user(OWNER_OF_MANY, Role.STEWARD, PASSWORD)
    ids = []
    for number in range(MANY):
        past.ago(timedelta(days=58) - number * timedelta(hours=2))
        ids.append(past.issue(berta, f"{sample.SCRIPTS[number % len(sample.SCRIPTS)]}-{number}").token.public_id)
    past.ago(timedelta(0))
    return ids


def _newest(past: Past, name: str) -> str:
    """The public id of anna's newest token of that name."""
    found = past.services.listing.both_tiers(TokenFilter(owner=sample.PERSON, name=name)).items
    return next(each.token.public_id for each in found if each.kind == "refresh")
