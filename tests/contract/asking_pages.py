"""People who use the pages, every address that pages have, and the rows of all tables apart from last visits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask import Flask

from app.domain.identity import ApiTokens, Role, User
from app.domain.scim_tokens import ScimToken
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.http.context import parts
from app.services import Services
from app.services.bulk_revocations import BulkRevocation
from app.storage.database import Database
from app.storage.tables import SessionRow
from tests import rows
from tests.authenticators import Authenticator
from tests.drivers.pages import HOME, Pages, page, words
from tests.factories import (
    OPERATOR,
    PASSWORD,
    allowed_user,
    generate,
    issue,
    make_service_account,
    make_user,
    mint,
    revoke_by_filter,
    set_api_tokens,
)


@dataclass
class Somebody:
    """A user, and a browser in which they are signed in."""

    user: User
    pages: Pages


def somebody(app: Flask, role: Role = Role.VIEWER, url: str = HOME, *, allowed: bool = False) -> Somebody:
    """A new user, signed in through the form. `allowed`: to make API tokens."""
    make = allowed_user if allowed else make_user
    user = make(parts(app).services, role=role, password=PASSWORD)
    pages = Pages(app, url)
    pages.sign_in(user.username)
    return Somebody(user, pages)


def offered_on_page(pages: Pages) -> tuple[dict[str, str], Authenticator]:
    """What the form holds that confirms a second factor, and the app into which its secret was typed."""
    shown = pages.post("/account/second-factor/new")
    secret = re.search(r'<code class="groups">([A-Z2-7 ]+)</code>', shown.get_data(as_text=True))
    assert secret is not None, words(shown)
    return page(shown).form("/account/second-factor").fields, Authenticator(secret[1].replace(" ", ""))


@dataclass
class Holding:
    """One token of each sort, and a revocation of many."""

    refresh: Issued[RefreshToken]
    access: Issued[AccessToken]
    single: Issued[AccessToken]
    of_account: Issued[RefreshToken]
    """Of a service account that the user is responsible for, as is the next one."""
    single_of_account: Issued[AccessToken]
    of_directory: ScimToken
    revocation: BulkRevocation
    """Of somebody else's tokens."""

    @property
    def secrets(self) -> list[str]:
        return [self.refresh.secret, self.access.secret, self.single.secret]


def holding(services: Services, user: User, name: str = "nightly-etl", description: str = "a report") -> Holding:
    """Of this user, who may make all of them."""
    refresh, account = issue(services, user, name), make_service_account(services, user)
    single = generate(services, user, description=description)
    account = set_api_tokens(services, account.username, ApiTokens.ALLOW)
    of_account = issue(services, account, "of-its-account"), generate(services, account, description="of its account")
    of_many = revoke_by_filter(services)
    return Holding(refresh, mint(services, refresh), single, *of_account, _of_directory(services), of_many)


def _of_directory(services: Services) -> ScimToken:
    """One that is active: made where there is none, as there are never more than two."""
    tokens = services.scim.tokens
    active = (each for each in tokens.list() if tokens.status_of(each) == "active")
    return next(active, None) or tokens.create("directory", None, OPERATOR)[0]


def addresses(app: Flask, method: str, both_slash_forms: bool = False, **values: str | int) -> Iterator[str]:
    """Every address of the pages that takes this method, with `values` for what is variable in them.

    Not those of exports: what they answer is no page, and grows with what there is. Nor the one to which a provider
    sends the end of its sessions: no browser does, and a signed token is in place of the form's.
    """
    elsewhere = "/export", "/backchannel-logout"
    for rule in app.url_map.iter_rules():
        is_included = both_slash_forms or rule.rule == "/" or not rule.rule.endswith("/")
        is_page = rule.endpoint.startswith("web_") and not rule.rule.rstrip("/").endswith(elsewhere)
        if is_page and method in (rule.methods or ()) and is_included:
            named = values | _named_otherwise(rule.rule, values)
            yield re.sub(r"<(\w+)>", lambda found, named=named: str(named[found[1]]), rule.rule)


ELSEWHERE = {
    "/account/service-accounts/": {
        "user_id": "account_id",
        "public_id": "account_token",
        "api_token": "account_api_token",
        "uuid": "account_uuid",
    },
    "/admin/users/<user_id>/responsible": {"user_id": "account_id"},
    "/admin/scim/": {"public_id": "scim_token"},
    "/preferences/": {"public_id": "api_token"},
}
"""Where a word of a path names something else."""


def _named_otherwise(rule: str, values: Mapping[str, str | int]) -> dict[str, str | int]:
    names = next((names for start, names in ELSEWHERE.items() if rule.startswith(start)), {})
    return {name: values[other] for name, other in names.items()}


def variables(user: User, held: Holding) -> dict[str, str | int]:
    """What makes addresses about this user and their tokens."""
    public_id, uuid = held.refresh.token.public_id, held.single.token.uuid
    return {
        "public_id": public_id,
        "uuid": uuid,
        "api_token": held.single.token.public_id,
        "user_id": user.id,
        "account_id": held.of_account.token.user_id,
        "account_token": held.of_account.token.public_id,
        "account_api_token": held.single_of_account.token.public_id,
        "account_uuid": held.single_of_account.token.uuid,
        "scim_token": held.of_directory.public_id,
        "key": "retention_days",
        "name": "daypass.css",
        "document": "native",
        "session_number": 999999,
        "number": held.revocation.id,
    }


OF_REFUSED: rows.Rows = {"login_throttle": [], "audit_events": []}
"""In place of what a wrong password leaves: it is counted and recorded, and changes nothing."""


def all_rows(services: Services, database: Database) -> rows.Rows:
    """Every row of every table, without the instants at which sessions were seen last."""
    services.last_use.flush()  # what earlier tests left in memory
    found = rows.everything(database)
    seen = list(SessionRow.__table__.columns.keys()).index("seen_at")
    found["sessions"] = [row[:seen] + row[seen + 1 :] for row in found["sessions"]]
    return found
