"""A form that a session has ended for: kept in a cookie for its page alone, and filled in after signing in again.

Nothing is sent without the person pressing the button again. Not here: what is kept (``app.services.kept_forms``).
"""

from contextlib import suppress

from flask import Response, after_this_request, current_app, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from app.domain.errors import Refusal
from app.domain.sessions import WebSession
from app.http.acts import CHANGING
from app.http.context import services
from app.web import cookies
from app.web.filling_in import fill_in
from app.web.forms import read_form


def page_of_form() -> str:
    """The path of the page that shows the form of this request: its own, or the next one above that is a page."""
    routes = current_app.create_url_adapter(request)  # the rule of this request accepts forms only
    path = request.path.rstrip("/")
    while path and routes is not None:
        if routes.test(path, "GET"):
            return f"{request.script_root}{path}"
        path = path.rpartition("/")[0]
    return url_for("web_account.list_tokens")


def packed_form(known: WebSession) -> str | None:
    """The form of this request as the browser can keep it, for the user of this session; None for one too long."""
    fields: dict[str, str] = {}
    with suppress(Refusal, HTTPException):
        fields = read_form()
    kept = services().sessions.kept_forms
    return kept.pack(known.user.id, page_of_form(), _action(), fields) if fields else None


def keep_form(answer: Response, known: WebSession) -> bool:
    """Keep the form of this request in the browser, for the user of this session; whether that was done."""
    packed = packed_form(known)
    if packed is not None:
        cookies.set_form_cookie(answer, packed, page_of_form())
    return packed is not None


def fill_in_kept_form(known: WebSession) -> None:
    """Fill in the form of this page that was kept for this user, if there is one; it is kept no longer."""
    packed = cookies.form_cookie()
    if packed is None or request.method in CHANGING:
        return
    page = f"{request.script_root}{request.path.rstrip('/')}"

    @after_this_request
    def fill(answer: Response) -> Response:
        kept = services().sessions.kept_forms.unpack(packed, known.user.id, page)
        cookies.delete_form_cookie(answer, page)
        if kept is not None and answer.status_code == 200 and answer.mimetype == "text/html":
            note = render_template("form_kept.html")
            answer.set_data(fill_in(answer.get_data(as_text=True), kept.action, kept.fields, note))
        return answer


def _action() -> str:
    return f"{request.script_root}{request.path.rstrip('/')}"
