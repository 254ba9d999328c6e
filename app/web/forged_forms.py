"""Forms are taken from Daypass's own pages in the same browser, and not from another site."""

from contextlib import suppress

from flask import g, request
from werkzeug.exceptions import HTTPException

from app.domain.errors import BadRequest, Refusal
from app.domain.sessions import WebSession
from app.http.acts import CHANGING
from app.http.context import parts, services
from app.web.cookies import session_cookie
from app.web.form_tokens import unpadded
from app.web.forms import read_form

FORM_REFUSED = "This form was not sent from a Daypass page in this browser. Reload the page and try again."
NO_COOKIE = (
    "Your browser did not send the cookie of this page. Allow cookies and, unless Daypass runs on this machine, "
    "open it over HTTPS: otherwise browsers do not keep the cookie."
)


def refuse_forged_form() -> None:
    """Another site can make a browser send a form, but cannot know its token or send this origin."""
    if request.method not in CHANGING:
        return
    cookie = session_cookie()
    token = unpadded(read_form().get("form_token", ""))
    if is_cross_site():
        raise BadRequest(FORM_REFUSED)
    if cookie is None:
        raise BadRequest(NO_COOKIE)
    if not services().sessions.is_form_token(cookie, g.get("web_session"), token):
        raise BadRequest(FORM_REFUSED)


def is_cross_site() -> bool:
    """By the headers that pages cannot set: https://www.w3.org/TR/fetch-metadata/.

    Without a referrer, ``Origin`` is ``null`` on Daypass's own pages too; the form's token alone decides then.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return True
    origin = request.headers.get("Origin", "null")
    return origin != "null" and not _is_own_origin(origin.lower())


def _is_own_origin(origin: str) -> bool:
    """The public one, or that of the requested host; of the public host, only with the public scheme."""
    public_url = parts().public_url
    if public_url is not None and origin.endswith(f"://{public_url.host}"):
        return origin == public_url.origin
    return origin.partition("://")[2] == request.host.lower()


def is_form_of(known: WebSession) -> bool:
    """Whether the form of this request is from a page of this session, and not from another site."""
    cookie, token = session_cookie() or "", ""
    with suppress(Refusal, HTTPException):
        token = unpadded(read_form().get("form_token", ""))
    return not is_cross_site() and services().sessions.is_form_token(cookie, known, token)
