"""Access guards of the pages. Not here: forged forms (``forged_forms``), and asking for a proof (``fresh_proof``)."""

from typing import cast

from flask import Response, abort, g, redirect, request, url_for

from app.domain.errors import BadRequest, NotPermitted
from app.domain.identity import refuse_unless_may_use_apis
from app.domain.ladder import ADMINISTRATORS_ONLY, Proof
from app.domain.masking import mask
from app.domain.sessions import WebSession
from app.http.acts import CHANGING
from app.http.context import services
from app.http.guards import Guard
from app.http.openapi import refuse_doubled
from app.web.cookies import session_cookie
from app.web.forged_forms import is_cross_site, is_form_of, refuse_forged_form
from app.web.fresh_proof import require_fresh_proof
from app.web.kept_forms import fill_in_kept_form, keep_form, page_of_form
from app.web.session import find_session, web_session


def _accept_visitor() -> None:
    refuse_doubled(request.args, request.args)
    session = find_session()
    try:
        refuse_forged_form()
    except BadRequest:
        # From a page loaded before a sign-out in another tab: there is nothing to protect.
        if session is None and not is_cross_site() and request.path.startswith(("/logout", "/theme")):
            abort(redirect_to_sign_in())
        raise


def _require_session() -> None:
    session = find_session()
    if session is None:
        # Only pages of a session hold forms: a form comes from a session that ended.
        ended = services().sessions.find_ended(session_cookie())
        has_ended = request.method in CHANGING or ended is not None
        abort(redirect_to_sign_in("ended" if has_ended else "", ended))
    refuse_unless_may_use_apis(session.user.role)
    refuse_doubled(request.args, request.args)
    refuse_forged_form()
    fill_in_kept_form(session)
    if session.must_change_password and request.blueprint != "web_passwords":
        abort(cast(Response, redirect(url_for("web_passwords.edit_password"), 303)))
    if session.must_add_second_factor and request.blueprint not in ("web_passwords", "web_second_factor"):
        abort(cast(Response, redirect(url_for("web_second_factor.show"), 303)))


def _require_user() -> None:
    _require_session()
    require_fresh_proof()


def _require_administrator() -> None:
    _require_session()
    if not web_session().user.is_administrator:
        raise NotPermitted(ADMINISTRATORS_ONLY)
    require_fresh_proof()


IN_SESSIONS = (Proof.SESSION, Proof.FRESH_SESSION)
VISITOR = Guard(
    "anybody, on the pages",
    _accept_visitor,
    proofs=(Proof.PASSWORD, Proof.PROVIDER, Proof.PROXY, *IN_SESSIONS),
)
IN_SESSION = Guard("user, signed in on the pages", _require_user, proofs=(Proof.PASSWORD, *IN_SESSIONS))
ADMINISTRATOR_IN_SESSION = Guard(
    "administrator, signed in on the pages", _require_administrator, proofs=IN_SESSIONS, is_for_administrators=True
)


def redirect_to_sign_in(reason: str = "", ended: WebSession | None = None) -> Response:
    """A redirect to the sign-in page, which leads back to this page or to the page of this form.

    `ended`: the session that ended, of which a form is kept; that of this request, if it ended meanwhile.
    """
    own, ended = f"{request.script_root}{request.path}", ended or g.get("web_session")
    back = own if request.method == "GET" else page_of_form()
    if back == own:
        back = f"{request.script_root}{request.full_path.rstrip('?')}"
    answer = cast(Response, redirect(url_for("web_entrance.login", next=mask(back), why=reason or None), 303))
    if ended is not None and request.method in CHANGING and is_form_of(ended) and keep_form(answer, ended):
        answer.location = url_for("web_entrance.login", next=mask(back), why="kept")
    return answer
