"""Addresses within Daypass that a request names: where to go on after signing in, and where a form leads back to."""

import re
from urllib.parse import urlsplit

from flask import request, url_for

from app.domain.masking import holds_secret
from app.web.forms import read_form

LOCAL_PATH = re.compile(r"/(?![/\\])[\x21\x23-\x5b\x5d-\x7e]*")
"""A path on this host in ASCII, without a second slash or backslash at the start, which browsers take for a host, and
without a quotation mark, which they encode: so that one of the maximum length fits into a cookie."""

LONGEST_PATH = 2000


def below_root(target: str) -> str:
    """A path as it is without the public URL's own."""
    root = request.script_root
    return target[len(root) :] or "/" if root and f"{target}/".startswith(f"{root}/") else target


def is_local(target: str) -> bool:
    """Whether this is the path of a page of this host, without a secret."""
    parsed = urlsplit(target) if LOCAL_PATH.fullmatch(target) and len(target) <= LONGEST_PATH else None
    if parsed is None or holds_secret(target):
        return False
    return not parsed.scheme and not parsed.netloc and not target.startswith("/log")


def onward(target: str) -> str:
    """Where to go after signing in: a page of this instance, if the target is one, or else the user's tokens.

    Always below the public URL's path: other paths of the host can belong to others.
    """
    target = below_root(target)
    return f"{request.script_root}{target}" if is_local(target) else url_for("web_account.list_tokens")


def way_back(home: str) -> str:
    """The page that the request's parameter or field ``back`` names, if it is `home` or below it; else `home`.

    Without the public URL's own path, and with its query, so that a list is as it was.
    """
    given = below_root((read_form() if request.method == "POST" else request.args).get("back", ""))
    return given if given.startswith((f"{home}?", f"{home}/")) and is_local(given) else home
