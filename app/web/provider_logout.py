"""Signing out with a provider: the page on the way there, and sessions that a provider ends.

Not here: a sign-in with one (``single_sign_on``), and a sign-out here (``signing_in``).
"""

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from app.domain.providers import ProviderRefused
from app.http.acts import does
from app.http.context import caller, parts, services
from app.http.guards import Guard, GuardedBlueprint, allow
from app.services.joining import LogoutHint
from app.web.rendering import base_url, page

LOGOUT_TOKEN = Guard("a provider, by its logout token", allow)

backchannel = GuardedBlueprint("web_backchannel", __name__, guard=LOGOUT_TOKEN, url_prefix="/oidc")


@backchannel.post("/backchannel-logout")
@does()  # off the ladder: no credential of a user is enough, only the signature of who began the sessions
def end_by_provider() -> ResponseReturnValue:
    """End sessions that a provider names (OpenID Connect Back-Channel Logout 1.0, sections 2.5 and 2.8)."""
    token = parts().bodies.read(request).get("logout_token", "")
    try:
        services().provider_logout.end_by_provider(str(token), caller())
        answer = Response(status=200)
    except ProviderRefused as refusal:
        answer = jsonify(error="invalid_request", error_description=str(refusal))
        answer.status_code = 400
    answer.headers["Cache-Control"] = "no-store"
    return answer


def page_on_the_way(hint: LogoutHint | None) -> Response | None:
    """After a sign-out here, the page that goes on to the provider's; None where there is none.

    A page in between, because browsers follow no redirect of a form to another site (``form-action``).
    """
    onward = None if hint is None else services().provider_logout.onward(hint, f"{base_url()}/login")
    if onward is None:
        return None
    label, address = onward
    return page("provider_sign_out.html", provider=label, address=address)
