"""Error pages. Not here: refusals that a form's own page shows (``forms.message``)."""

from http import HTTPStatus

from flask import Response, g, redirect, request, url_for
from werkzeug.exceptions import HTTPException

from app.domain.errors import Refusal, SessionEnded
from app.http.context import services
from app.http.errors import Dialect
from app.http.hosts import MisdirectedRequest
from app.services.idempotency import Repeated
from app.web.forms import message, status_of
from app.web.guards import redirect_to_sign_in
from app.web.rendering import page

PREFIXES = ("/account", "/admin", "/login", "/logout", "/preferences", "/theme")

HTTP_MESSAGES = {
    404: "Page not found. The address may be mistyped, or the page no longer exists.",
    405: "This page does not support that request.",
    413: "The form is too large.",
    415: "The request is not a form.",
    500: "Something went wrong. The request id below identifies the error in the log.",
}


def _refuse(refusal: Refusal) -> Response:
    if isinstance(refusal, SessionEnded):
        return redirect_to_sign_in("ended")
    return _error_page(status_of(refusal), message(refusal))


def _fail(error: HTTPException) -> Response:
    if error.response is not None:  # a guard's redirect
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    if isinstance(error, MisdirectedRequest):
        return _error_page(status, error.description or "", "misdirected.html")
    return _error_page(status, HTTP_MESSAGES.get(status) or HTTPStatus(status).phrase + ".")


def _error_page(status: int, text: str, template: str = "error.html") -> Response:
    title = HTTPStatus(status).phrase
    return page(template, status, number=status, title=title, text=text, request_id=g.request_id)


def _repeat(repeated: Repeated) -> Response:
    """A form that was sent twice, by a reload: nothing is created again, and no secret is shown again."""
    if repeated.kind == "user":
        user = services().accounts.get(repeated.handle)
        return redirect(url_for("web_users.show_user", user_id=user.id, done="created"), 303)  # type: ignore[return-value]
    is_api_token = request.path.startswith("/preferences")
    back = url_for("web_preferences.list_tokens" if is_api_token else "web_account.list_tokens")
    return page("already_shown.html", public_id=repeated.handle, back=back)


DIALECTS = [Dialect(prefix, _refuse, _fail, _repeat) for prefix in PREFIXES]
DIALECTS += [Dialect("/", _refuse, _fail, is_one_path=True)]
