"""Showing again who one is, before what the ladder of credentials asks it for: the one place of the pages for that.

A password and a code are in the same form as what they are for. A provider's or a reverse proxy's sign-in is elsewhere:
the form is kept until the browser comes back. Not here: what proves whom (:meth:`Sessions.prove`,
:meth:`SingleSignOn.finish`, :meth:`ProxySignIn.sign_in`), and how long it counts (``app.domain.sessions``).
"""

from typing import Any

from flask import Response, abort, after_this_request, current_app, request, url_for

from app.domain.errors import BadCredentials, RateLimited, Refusal, SessionEnded, SignInRefused, Unavailable
from app.domain.sign_ins import SignInMethod
from app.http.acts import CHANGING, declared_of
from app.http.context import caller, current_user, services
from app.web.cookies import set_form_cookie, set_session_cookie
from app.web.forms import CODE_FIELD, PASSWORD_FIELD, read_form, status_of
from app.web.kept_forms import packed_form, page_of_form
from app.web.remote_user import way_again
from app.web.rendering import page, retry_after
from app.web.session import use_session, web_session


def require_fresh_proof() -> None:
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
    if use_session(cookie) is None:
        raise SessionEnded

    @after_this_request
    def send(answer: Response) -> Response:
        set_session_cookie(answer, cookie)
        return answer


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
