"""What pages answer to whom they turn away, and to HTTP's own errors.

Not here: refusals that a form can be sent again after; its page shows those itself (``forms.said``).
"""

from http import HTTPStatus

from flask import Response, g, redirect, request, url_for
from werkzeug.exceptions import HTTPException

from app.domain.errors import Refusal
from app.http.context import services
from app.http.errors import Dialect
from app.services.idempotency import Repeated
from app.web.forms import said, status_of
from app.web.rendering import page

PREFIXES = ("/account", "/admin", "/login", "/logout", "/preferences", "/theme")

WORDS = {
    404: "There is no such page. The address may be mistyped, or what it showed is gone.",
    405: "This page can't be used that way.",
    413: "The form is larger than Daypass accepts.",
    415: "The form was not sent as a form.",
    500: "Something went wrong inside Daypass. It was logged; the number below helps to find it.",
}


def _refuse(refusal: Refusal) -> Response:
    return _said(status_of(refusal), said(refusal))


def _fail(error: HTTPException) -> Response:
    if error.response is not None:  # a guard's redirect
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    return _said(status, WORDS.get(status, HTTPStatus(status).phrase + "."))


def _said(status: int, what: str) -> Response:
    title = HTTPStatus(status).phrase
    return page("error.html", status, number=status, title=title, what=what, request_id=g.request_id)


def _repeat(repeated: Repeated) -> Response:
    """A form that was sent twice, by reloading: what it created stays, and its secret is not shown again."""
    if repeated.kind == "user":
        user = services().accounts.get(repeated.handle)
        return redirect(url_for("web_users.one", user_id=user.id, done="created"), 303)  # type: ignore[return-value]
    is_api_token = request.path.startswith("/preferences")
    back = url_for("web_preferences.own_tokens" if is_api_token else "web_account.own_tokens")
    return page("already_shown.html", public_id=repeated.handle, back=back)


DIALECTS = [Dialect(prefix, _refuse, _fail, _repeat) for prefix in PREFIXES]
