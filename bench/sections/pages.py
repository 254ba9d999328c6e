"""The web pages, with many tokens of many users: how long each takes to answer, one after the other."""

import re
import time
from typing import Any

import requests

from bench.installations import PASSWORD
from bench.rounds import spread
from bench.servers import Server, serving_daypass
from bench.workspace import DATABASES, Workspace, progress

PAGES = (
    "/account/auth",
    "/preferences/access-tokens",
    "/admin",
    "/admin/users",
    "/admin/users?part=9",
    "/admin/users/7",
    "/admin/tokens",
    "/admin/tokens?kind=access&status=active",
    "/admin/tokens?unused_for_days=30",
    "/admin/settings",
    "/admin/audit",
    "/admin/jobs",
)

_FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')
_OLDER = re.compile(r'href="(/admin/tokens\?[^"]*cursor=[^"]+)"')


def measure(workspace: Workspace) -> dict[str, Any]:
    """Milliseconds to the last byte, and of the server's CPU, per database and page."""
    figures: dict[str, Any] = {}
    for database in DATABASES:
        installation = workspace.daypass(database, workspace.plan.page_tokens, users=workspace.plan.page_users)
        with serving_daypass(installation) as server, requests.Session() as browser:
            _sign_in(browser, server.url)
            older = _OLDER.search(browser.get(f"{server.url}/admin/tokens", timeout=60).text)
            assert older is not None, "the list of all tokens has no second page"
            for path in (*PAGES, older[1].replace("&amp;", "&")):
                name = re.sub(r"cursor=\w+", "cursor=…", path)
                figures[f"{database} {name}"] = _time(browser, server, path, workspace.plan.page_times)
        slowest = max((each["ms"]["median"], name) for name, each in figures.items() if name.startswith(database))
        progress(f"  {database}: the slowest is {slowest[1]}: {slowest[0]} ms")
    return figures


def _sign_in(browser: requests.Session, url: str) -> None:
    found = _FORM_TOKEN.search(browser.get(f"{url}/login", timeout=60).text)
    assert found is not None, "the page to sign in has no form"
    form = {"form_token": found[1], "username": "admin", "password": PASSWORD}
    answer = browser.post(f"{url}/login", data=form, timeout=60)
    assert answer.url.endswith("/account/auth"), answer.url


def _time(browser: requests.Session, server: Server, path: str, times: int) -> dict[str, Any]:
    _load(browser, server.url + path)  # compiles its statements
    before = server.cpu_time()
    taken = [_load(browser, server.url + path) for _ in range(times)]
    cpu_us = (server.cpu_time() - before) / times * 1e6
    return {"ms": spread(taken, 1), "cpu_us": round(cpu_us, 1)}


def _load(browser: requests.Session, address: str) -> float:
    """Milliseconds until the page was there."""
    started = time.perf_counter()
    answer = browser.get(address, timeout=60)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return (time.perf_counter() - started) * 1000
