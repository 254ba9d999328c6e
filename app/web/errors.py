"""Error pages, in the frame of who is signed in.

Not here: refusals that a form's own page shows (``forms.message``).
"""

from http import HTTPStatus

import structlog
from flask import Response, g, redirect, request
from werkzeug.exceptions import HTTPException

from app.domain.errors import FeatureOff, NotFound, NotPermitted, Refusal, SessionEnded
from app.domain.masking import holds_secret
from app.http.context import services
from app.http.errors import Dialect
from app.http.hosts import MisdirectedRequest
from app.http.tracing import REFUSED
from app.services.idempotency import Repeated
from app.web.done import after_act
from app.web.forms import message, status_of
from app.web.guards import redirect_to_sign_in
from app.web.rendering import page
from app.web.session import find_session
from app.web.token_homes import api_home, home

LOG = structlog.get_logger(__name__)

PREFIXES = ("/account", "/admin", "/docs", "/login", "/logout", "/preferences", "/theme")

TITLES = {
    400: "This request can't be understood",
    401: "Sign in again",
    403: "Not allowed",
    404: "Page not found",
    405: "Not possible here",
    409: "Not possible now",
    413: "This form is too large",
    415: "This is not a form",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Temporarily unavailable",
}
"""By status; what has none has the name of HTTP."""

HTTP_MESSAGES = {
    404: ("Nothing is at this address.", "It may be mistyped, or what it showed was deleted."),
    405: ("This address does not take {method} requests.", "Open the page and use its buttons."),
    413: ("What was sent has more than 16 KiB. Nothing was changed.", "Shorten what you entered and send it again."),
    415: ("What was sent is not a form of Daypass's. Nothing was changed.", "Open the page and use its form."),
    500: (
        "Daypass made an error, and has written it to its log.",
        "Look at whether the change that you made is there before you try again.",
    ),
}
"""By status: what happened, and what to do."""

ASK = "If you need this, ask an administrator."
DELETED = "It may have been deleted. Check the address."
TOKENS_DELETED = "Tokens are deleted some time after they end. Check the address."

WORTH_TRYING_AGAIN = (429, 500, 503)

LONGEST_PATH = 200
"""Characters of the address that a page repeats."""


def _refuse(refusal: Refusal) -> Response:
    if isinstance(refusal, SessionEnded):
        return redirect_to_sign_in("ended")
    status, happened = status_of(refusal), message(refusal)
    if isinstance(refusal, NotFound):
        to_do = TOKENS_DELETED if refusal.what.endswith("token") else DELETED
        return _error_page(status, happened, to_do, f"{refusal.what.capitalize()} not found")
    if isinstance(refusal, FeatureOff):
        return _error_page(status, happened, title="Turned off")
    return _error_page(status, happened, ASK if isinstance(refusal, NotPermitted) else "")


def _fail(error: HTTPException) -> Response:
    if error.response is not None:  # a guard's redirect
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    if isinstance(error, MisdirectedRequest):
        return _misdirected_page(status, error.description or "")
    happened, to_do = HTTP_MESSAGES.get(status) or (f"{HTTPStatus(status).phrase}.", "")
    return _error_page(status, happened.format(method=request.method), to_do)


def _error_page(status: int, happened: str, to_do: str = "", title: str = "") -> Response:
    _find_reader(status)
    return page(
        "error.html",
        status,
        number=status,
        title=title or TITLES.get(status) or HTTPStatus(status).phrase,
        asked=_shortened(f"{request.method} {request.script_root}{request.path}"),
        happened=happened,
        to_do=to_do,
        again=_again() if status in WORTH_TRYING_AGAIN else None,
        request_id=g.request_id,
    )


def _misdirected_page(status: int, text: str) -> Response:
    title = HTTPStatus(status).phrase
    return page("misdirected.html", status, number=status, title=title, text=text, request_id=g.request_id)


def _find_reader(status: int) -> None:
    """Find the session, for the frame, where no guard has: under an unknown address, and of a form that is not read.

    The page must appear without it too, such as while the database is away.
    """
    if "web_session" in g or REFUSED in request.environ:
        return
    try:
        g.is_reader_unknown = status == HTTPStatus.SERVICE_UNAVAILABLE
        if not g.is_reader_unknown:
            find_session()
    except Exception as error:
        g.is_reader_unknown = True
        LOG.warning("session_not_found", exc_info=error)


def _again() -> str | None:
    """The address of this page, if a link leads to it."""
    address = f"{request.script_root}{request.full_path.rstrip('?')}"
    return address if request.method == "GET" and not holds_secret(address) else None


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_PATH else f"{text[:LONGEST_PATH]}…"


def _repeat(repeated: Repeated) -> Response:
    """A form that was sent twice, by a reload: nothing is created again, and no secret is shown again."""
    if repeated.kind == "user":
        user = services().accounts.get_ever(repeated.handle)
        return redirect(after_act(f"/admin/users/{user.id}", done="created"), 303)  # type: ignore[return-value]
    if repeated.kind == "scim_token":
        return page("scim_token_shown.html", public_id=repeated.handle)
    is_api_token = request.path.startswith(api_home())
    back = api_home() if is_api_token else home()
    return page("already_shown.html", public_id=repeated.handle, back=back)


DIALECTS = [Dialect(prefix, _refuse, _fail, _repeat) for prefix in PREFIXES]
DIALECTS += [Dialect("/", _refuse, _fail, is_one_path=True)]

PAGES_ANYWHERE = Dialect("", _refuse, _fail)
"""For browsers, under the addresses of no dialect."""
