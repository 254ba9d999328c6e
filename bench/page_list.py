"""Which pages ``bench.page_speed`` measures: the GET routes of pages, lists as they are searched, and their files."""

import re
from collections.abc import Iterator
from typing import Any

import requests
from flask import Flask
from sqlalchemy import select

from app.storage.operating_tables import BulkRevocationRow
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from bench.installations import PASSWORD, Installation

SOMEBODY = "user-4321"

VARIANTS = (
    "/admin/users?state=disabled",
    f"/admin/tokens?owner={SOMEBODY}",
    "/admin/tokens?name=etl-77",
    "/admin/tokens?kind=access&status=active",
    "/admin/tokens?status=active",
    "/admin/tokens?status=active&sort=name",
    "/admin/tokens?status=revoked",
    "/admin/tokens?unused_for_days=30",
    "/admin/tokens?never_used=1",
    f"/admin/tokens/revoke-by-filter?owner={SOMEBODY}",
    "/admin/tokens/revoke-by-filter?kind=refresh&status=active&unused_for_days=14",
    f"/admin/audit?actor={SOMEBODY}",
    "/admin/audit?action=refresh_token.revoked",
    "/admin/audit?result=refused",
    "/account/auth?q=etl-77",
    "/account/auth?status=revoked",
    "/account/auth?sort=last_used",
    "/admin/tokens?q=etl-77",
    "/admin/tokens?sort=-expires",
    f"/admin/users?q={SOMEBODY}@example.com",
    "/admin/users?sort=username",
    f"/admin/audit?q={SOMEBODY}",
    "/admin/settings/refresh_token_lifespan?value=30",
    "/admin/settings/retention_days?value=10",
)
"""Lists as they are searched and filtered, and previews."""

WALKED = ("/account/auth", "/admin/users", "/admin/tokens", "/admin/audit")
"""Lists whose second page is measured, too: the address behind "Older"."""

WITH_FILES = ("/account/auth", "/docs/native")
"""Pages whose style sheets, scripts and pictures are measured as well, under their names without a digest."""

_FILE = re.compile(r'(?:src|href)="(/(?:static|docs/files)/[^"#]+)')
_DIGEST = re.compile(r"[?].*|[.-][0-9a-f]{8,}(?=[.])")
_FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')
_OLDER = re.compile(r'href="([^"]+[?;]cursor=[^"]+)"')
_NOT_A_PAGE = ("web_entrance.file", "web_entrance.home", "documents.file", "documents.openapi", "web_by_filter.preview")
"""Files and redirects; and what needs a filter, which is among the variants."""


def paths(app: Flask, installation: Installation, browser: requests.Session, url: str) -> dict[str, str]:
    """The address of each page by its name: its rule, or what stands in the address bar. `browser` is signed in."""
    found = dict(_named_paths(app, installation))
    for page in WITH_FILES:
        html = browser.get(url + page, timeout=60).text
        found |= {_DIGEST.sub("", file): file for file in _FILE.findall(html)}
    for page in WALKED:
        if older := _OLDER.search(browser.get(url + page, timeout=60).text):
            found[f"{page}?cursor=…"] = older[1].replace("&amp;", "&")
    return found


def sign_in(browser: requests.Session, url: str) -> None:
    """As the administrator."""
    found = _FORM_TOKEN.search(browser.get(f"{url}/login", timeout=60).text)
    assert found is not None, "the page to sign in has no form"
    form = {"form_token": found[1], "username": "admin", "password": PASSWORD}
    answer = browser.post(f"{url}/login", data=form, timeout=60)
    assert answer.url.endswith("/account/auth"), answer.url


def _named_paths(app: Flask, installation: Installation) -> Iterator[tuple[str, str]]:
    """The rule of each page, and an address of it; then the variants, under their own addresses."""
    values = _values(installation)
    for rule in app.url_map.iter_rules():
        of_pages = rule.endpoint.startswith(("web_", "documents.")) and rule.endpoint not in _NOT_A_PAGE
        if rule.rule.endswith("/export"):  # a download, which takes as long as the list is
            continue
        if not of_pages or "GET" not in (rule.methods or ()) or (rule.rule.endswith("/") and len(rule.rule) > 1):
            continue
        # The tokens of oneself have pages of their own; what one can't revoke can't be asked about.
        own = {"public_id": values["own_public_id"]} if rule.rule.startswith("/account") else {}
        path = rule.rule
        for name, value in (values | own).items():
            path = path.replace(f"<{name}>", str(value))
        yield rule.rule, path
    yield from zip(VARIANTS, VARIANTS, strict=True)


def _values(installation: Installation) -> dict[str, Any]:
    """What stands in the addresses of pages of one thing."""
    engine, refresh, access = installation.engine(), RefreshTokenRow, AccessTokenRow
    with engine.connect() as connection:
        of_one = connection.scalar(select(refresh.public_id).where(refresh.user_id == 7, refresh.status == "active"))
        of_self = select(refresh.public_id).where(refresh.user_id == 1, refresh.status == "active")
        own = connection.scalar(of_self.order_by(refresh.id.desc()))
        single = select(access.uuid).where(access.refresh_token_id.is_(None), access.status == "active")
        uuid = connection.scalar(single.where(access.user_id == 1))
        revocation = connection.scalar(select(BulkRevocationRow.id))
    engine.dispose()
    assert of_one and own and uuid and revocation
    return {
        "public_id": of_one, "own_public_id": own, "user_id": 7, "uuid": uuid, "key": "refresh_token_lifespan",
        "name": "native", "document": "native", "number": revocation,
    }  # fmt: skip
