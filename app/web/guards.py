"""Access guards of the pages: sessions, forged forms, and a fresh proof of the password."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from flask import Response, abort, after_this_request, current_app, g, redirect, request, url_for
from werkzeug.exceptions import HTTPException

from app.domain.errors import (
    BadCredentials,
    BadRequest,
    NotPermitted,
    RateLimited,
    Refusal,
    SessionEnded,
    SignInRefused,
    Unavailable,
)
from app.domain.identity import refuse_unless_may_use_apis
from app.domain.ladder import ADMINISTRATORS_ONLY, Proof
from app.domain.masking import mask
from app.domain.sessions import WebSession
from app.domain.sign_ins import SignInMethod
from app.http.acts import CHANGING, declared_of
from app.http.context import CurrentUser, caller, current_user, parts, services
from app.http.guards import Guard
from app.http.openapi import refuse_doubled
from app.web.cookies import session_cookie, set_form_cookie, set_session_cookie
from app.web.form_tokens import unpadded
from app.web.forms import CODE_FIELD, PASSWORD_FIELD, read_form, status_of
from app.web.kept_forms import fill_in_kept_form, keep_form, packed_form, page_of_form
from app.web.remote_user import is_of_another, way_again
from app.web.rendering import page, retry_after

FORM_REFUSED = "This form was not sent from a Daypass page in this browser. Reload the page and try again."
NO_COOKIE = (
    "Your browser did not send the cookie of this page. Allow cookies and, unless Daypass runs on this machine, "
    "open it over HTTPS: otherwise browsers do not keep the cookie."
)


def web_session() -> WebSession:
    """The session of this request, behind a guard that requires one."""
    return cast(WebSession, g.web_session)


def find_session() -> WebSession | None:
    """The session of this request; None without one."""
    return _use_session(session_cookie())


def _use_session(cookie: str | None) -> WebSession | None:
    session = services().sessions.find(cookie)
    if session is not None and is_of_another(session):
        return None
    if session is not None:
        g.web_session = session
        credential = replace(session.credential, is_fresh=services().sessions.is_fresh(session))
        g.current_user = CurrentUser(session.user.id, session.user.username, session.user.role, credential)
    return session


def _accept_visitor() -> None:
    refuse_doubled(request.args, request.args)
    session = find_session()
    try:
        _refuse_forged_form()
    except BadRequest:
        # From a page loaded before a sign-out in another tab: there is nothing to protect.
        if session is None and not _is_cross_site() and request.path.startswith(("/logout", "/theme")):
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
    _refuse_forged_form()
    fill_in_kept_form(session)
    if session.must_change_password and request.blueprint != "web_passwords":
        abort(cast(Response, redirect(url_for("web_passwords.edit_password"), 303)))
    if session.must_add_second_factor and request.blueprint not in ("web_passwords", "web_second_factor"):
        abort(cast(Response, redirect(url_for("web_second_factor.show"), 303)))


def _require_user() -> None:
    _require_session()
    _require_fresh_proof()


def _require_administrator() -> None:
    _require_session()
    if not web_session().user.is_administrator:
        raise NotPermitted(ADMINISTRATORS_ONLY)
    _require_fresh_proof()


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
    if ended is not None and request.method in CHANGING and _is_form_of(ended) and keep_form(answer, ended):
        answer.location = url_for("web_entrance.login", next=mask(back), why="kept")
    return answer


def _is_form_of(known: WebSession) -> bool:
    """Whether the form of this request is from a page of this session, and not from another site."""
    cookie, token = session_cookie() or "", ""
    with suppress(Refusal, HTTPException):
        token = unpadded(read_form().get("form_token", ""))
    return not _is_cross_site() and services().sessions.is_form_token(cookie, known, token)


def _refuse_forged_form() -> None:
    """Another site can make a browser send a form, but cannot know its token or send this origin."""
    if request.method not in CHANGING:
        return
    cookie = session_cookie()
    token = unpadded(read_form().get("form_token", ""))
    if _is_cross_site():
        raise BadRequest(FORM_REFUSED)
    if cookie is None:
        raise BadRequest(NO_COOKIE)
    if not services().sessions.is_form_token(cookie, g.get("web_session"), token):
        raise BadRequest(FORM_REFUSED)


def _is_cross_site() -> bool:
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


def is_fresh() -> bool:
    """Whether it was proved recently who the user of this session is."""
    return current_user().credential.is_fresh


def is_proved_at_provider() -> bool:
    """Whether a provider proves who the person of this session is; else their password does."""
    return web_session().method is SignInMethod.PROVIDER


def prove(password: str, code: str) -> None:
    """Show again who the user of this session is, which gets a new cookie. Refuses as :meth:`Sessions.prove`."""
    _go_on_with(services().sessions.prove(web_session(), password, caller(), code))


def renew(*, is_proof: bool) -> None:
    """Give this session a new cookie, after its password was entered otherwise. As :meth:`Sessions.renew`."""
    _go_on_with(services().sessions.renew(web_session(), is_proof=is_proof))


def _go_on_with(cookie: str) -> None:
    """Whatever the response will be, an error page too."""
    if _use_session(cookie) is None:
        raise SessionEnded

    @after_this_request
    def send(answer: Response) -> Response:
        set_session_cookie(answer, cookie)
        return answer


def _require_fresh_proof() -> None:
    """Ask for the password, and for a code of a second factor, where they were not entered recently, if the ladder of
    credentials requires that for the form.

    The form's other fields are kept, hidden.
    """
    declared = declared_of(current_app, request.endpoint or "")
    if request.method not in CHANGING or is_fresh() or declared is None or not declared.needs_fresh_proof:
        return
    if is_proved_at_provider():
        abort(_confirm_at_provider())
    if web_session().method is SignInMethod.PROXY and not services().proxy_sign_in.asks_for_password(web_session()):
        abort(_confirm_at_proxy())
    if not declared.asks_for_password:
        return
    password = read_form().get(PASSWORD_FIELD)
    if password is None:
        abort(_confirm_password(None))
    try:
        prove(password, read_form().get(CODE_FIELD, ""))
    except (BadCredentials, SignInRefused, RateLimited, Unavailable) as refusal:
        abort(_confirm_password(refusal))


def _confirm_at_provider() -> Response:
    """The page that leads to a new sign-in there, and back to the page of this form, which is kept."""
    provider, back = services().single_sign_on.provider_of(web_session()), page_of_form()
    way = url_for("web_single_sign_on.begin", name=provider.name, proof=1, next=back) if provider else ""
    return _page_before("confirm_at_provider.html", back, way, provider=provider)


def _confirm_at_proxy() -> Response:
    """The same for who has no other proof than a sign-in by the reverse proxy: another session."""
    back = page_of_form()
    return _page_before("confirm_at_proxy.html", back, way_again(back))


def _page_before(template: str, back: str, way: str, **values: Any) -> Response:
    """A page that leads away, to come back to the page of this form, which is kept."""
    kept = packed_form(web_session())
    back_here = back.removeprefix(request.script_root)
    answer = page(template, way=way, back=back_here, is_kept=kept is not None, **values)
    if kept is not None:
        set_form_cookie(answer, kept, back)
    return answer


def _confirm_password(refusal: Refusal | None) -> Response:
    form = read_form()
    kept = {name: value for name, value in form.items() if name not in ("form_token", PASSWORD_FIELD, CODE_FIELD)}
    answer = page("confirm_password.html", kept=kept, refusal=refusal, status=200 if refusal is None else 403)
    if refusal is None:
        return answer
    if isinstance(refusal, RateLimited | Unavailable):
        answer.status_code = status_of(refusal)
    return retry_after(answer, refusal)
