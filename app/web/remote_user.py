"""Sign-in by the user name that a trusted reverse proxy sends, at the sign-in page.

Not here: whose account that is (``app.services.proxy_sign_in``).
"""

from flask import Response, redirect, request, url_for

from app.domain.identity import canonical_username
from app.domain.sessions import WebSession
from app.domain.sign_ins import SignInMethod
from app.http.context import caller, parts, services
from app.services.proxy_sign_in import is_named
from app.web import cookies
from app.web.returning import onward

SIGNED_OUT = "signed-out"
"""Why the sign-in page is shown after a sign-out: it would sign in again at once."""


def name_from_proxy() -> str | None:
    """The text that a trusted proxy sends with this request; None without one."""
    found = parts().remote_user.find(request.environ, parts().proxies)
    return found.text if found is not None and found.is_trusted else None


def is_of_another(known: WebSession) -> bool:
    """Whether a proxy's header began this session, and names somebody else now: it does not count with this request.

    Without the header it does: a site may have its proxy sign people in at ``/login`` alone.
    """
    text = name_from_proxy()
    return known.method is SignInMethod.PROXY and text is not None and not is_named(known, text)


def arrive(known: WebSession | None) -> Response | None:
    """The response that begins a session for whom the proxy names; None where it names nobody, or somebody is here.

    In answer to a GET, which changes something here and nowhere else but at the return from a provider. It is safe: the
    proxy says with each request who the user is, and no other site has a say in it. Another site's page can neither
    sign the browser in as somebody else nor, by pictures and frames, begin sessions until older ones end. Refuses as
    :meth:`ProxySignIn.sign_in`.
    """
    found = parts().remote_user.find(request.environ, parts().proxies)
    if found is None or not _is_wanted(known):
        return None
    if not found.is_trusted:
        services().proxy_sign_in.note_untrusted(caller())
        return None
    agent = request.headers.get("User-Agent")
    cookie = services().proxy_sign_in.sign_in(found.text, caller(), cookies.session_cookie(), agent)
    answer = redirect(onward(request.args.get("next", "")), 303)
    cookies.set_session_cookie(answer, cookie)
    return answer  # type: ignore[return-value]


def way_back_in() -> dict[str, str | None]:
    """For the sign-in page: as whom the proxy would sign in, and where its own sign-out is."""
    text = name_from_proxy()
    name = None if text is None else canonical_username(text.strip())
    return {"proxied": name, "proxy_sign_out": parts().remote_user.sign_out if text else None}


def sign_in_page() -> str:
    """The address of the sign-in page after a sign-out."""
    return url_for("web_entrance.login", why=None if name_from_proxy() is None else SIGNED_OUT)


def way_again(back: str) -> str:
    """The address that begins another session, and leads back to this page."""
    return url_for("web_entrance.login", again=1, next=back)


def _is_wanted(known: WebSession | None) -> bool:
    """Whether this is the browser's own page, of nobody who is signed in, or who wants another session."""
    site, whole_page = request.headers.get("Sec-Fetch-Site", "none"), request.headers.get("Sec-Fetch-Dest")
    if request.args.get("why") == SIGNED_OUT or (site not in ("none", "same-origin") and whole_page != "document"):
        return False
    return known is None or ("again" in request.args and known.method is SignInMethod.PROXY)
