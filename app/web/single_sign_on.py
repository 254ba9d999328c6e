"""Sign-in with an OpenID provider: the way there, the way back, and pages where that failed.

Not here: signing out there (``provider_logout``), and when a fresh proof is asked for (``fresh_proof``).
"""

from collections.abc import Callable
from functools import wraps

from flask import Response, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import SessionEnded, SignInRefused, Unavailable
from app.domain.providers import ProviderRefused, Why
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web import cookies
from app.web.guards import VISITOR
from app.web.rendering import base_url, page, retry_after
from app.web.returning import below_root, is_local, onward
from app.web.session import find_session

single_sign_on = GuardedBlueprint("web_single_sign_on", __name__, guard=VISITOR, url_prefix="/login/oidc",
                                  template_folder="templates")  # fmt: skip

PASSING = (Why.AWAY, Why.BUSY)
"""What may be better in a moment."""

View = Callable[[str], ResponseReturnValue]


def with_refusals(view: View) -> View:
    """What a provider's answer, or the person it names, is refused for becomes a page that says what to do."""

    @wraps(view)
    def answered(name: str) -> ResponseReturnValue:
        try:
            return view(name)
        except (ProviderRefused, SignInRefused) as refusal:
            return _refused(name, refusal)

    return answered


@single_sign_on.get("/<name>")
@with_refusals
def begin(name: str) -> ResponseReturnValue:
    """A redirect to the provider. `proof`: to prove anew who the person of this session is.

    A GET: nothing changes here by it, a portal of an organization can link to it, and browsers would not follow the
    redirect of a form to another site (``form-action``).
    """
    known, back = find_session(), f"{base_url()}/login/oidc/{services().single_sign_on.provider(name).name}/callback"
    proves = known is not None and "proof" in request.args
    if known is not None and not proves:
        return redirect(onward(_target()), 303)
    begun = services().single_sign_on.begin(name, _target(), back, caller(), known if proves else None)
    answer = Response(status=303, headers={"Location": begun.url})
    cookies.keep_sign_in(answer, begun.state, begun.kept)
    return answer


@single_sign_on.get("/<name>/callback")
@with_refusals
def finish(name: str) -> ResponseReturnValue:
    """Begin a session, or go on with one that is proved now.

    A GET that changes something, as the protocol has it. It is safe, because the `state` has to be one that this
    browser began with, in a cookie, less than ten minutes ago, and it counts once: no other site can sign a browser in,
    and nothing happens twice.
    """
    cookies.forget_sign_in(_state())
    known, agent = find_session(), request.headers.get("User-Agent")
    kept, before = cookies.kept_sign_in(_state()), cookies.session_cookie()
    try:
        done = services().single_sign_on.finish(name, request.args, kept, caller(), before, agent, known)
    except SessionEnded:  # not back to this address, which holds a code
        return redirect(url_for("web_entrance.login", next=_target() or None, why="ended"), 303)
    answer = redirect(onward(done.target), 303)
    cookies.set_session_cookie(answer, done.cookie)
    return answer


def _state() -> str:
    return request.args.get("state", "")


def _target() -> str:
    """Where the person wants to go, as the request says or as the browser kept it."""
    given = request.args.get("next", "")
    kept = services().single_sign_on.target_of(_state(), cookies.kept_sign_in(_state()))
    return given if is_local(below_root(given)) else kept


def _refused(name: str, refusal: ProviderRefused | SignInRefused) -> Response:
    known, is_passing = find_session(), isinstance(refusal, ProviderRefused) and refusal.why in PASSING
    label = services().single_sign_on.provider(name).label
    again = url_for("web_single_sign_on.begin", name=name, next=_target() or None, proof=1 if known else None)
    answer = page(
        "provider_refused.html",
        503 if is_passing else 403,
        title="Not confirmed" if known else "You are not signed in",
        # As a list, which is shown as it is: the subject, which an administrator needs, can look like a secret.
        happened=[refusal.happened(label) if isinstance(refusal, ProviderRefused) else refusal.what],
        to_do=refusal.to_do if isinstance(refusal, ProviderRefused) else "",
        again=again,
        provider=label,
        request_id=g.request_id,
    )
    return retry_after(answer, Unavailable("the provider", 5)) if is_passing else answer
