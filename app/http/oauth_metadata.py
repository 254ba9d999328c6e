"""What OAuth clients look for: metadata of the authorization server (RFC 8414) and of our own resources (RFC 9728).

All addresses begin with ``DAYPASS_PUBLIC_URL``, never with what a request says; without it there is no metadata. Below
a path, both RFCs put their name in front of that path, where a proxy must pass it on (``docs/oauth.md``); clients that
put it behind find it without that.
"""

from typing import Any

from flask import Response, jsonify

from app.domain.errors import NotFound
from app.domain.oauth_client import GrantType
from app.http.challenges import RESOURCE_METADATA
from app.http.context import parts
from app.http.guards import ANYBODY, GuardedBlueprint
from app.http.public_url import PublicUrl

SERVER = "/.well-known/oauth-authorization-server"

AUTHENTICATION = ["client_secret_basic", "client_secret_post"]

metadata = GuardedBlueprint("oauth_metadata", __name__, guard=ANYBODY)


@metadata.after_request
def _keep_nowhere(answer: Response) -> Response:
    """As all answers of OAuth's endpoints."""
    answer.headers["Pragma"] = "no-cache"
    return answer


@metadata.get(SERVER)
@metadata.get(f"{SERVER}/<path:below>")
def authorization_server(below: str = "") -> Response:
    """RFC 8414, section 2."""
    return jsonify(_of_server(str(_public_url(below))))


@metadata.get(RESOURCE_METADATA)
@metadata.get(f"{RESOURCE_METADATA}/<path:below>")
def protected_resource(below: str = "") -> Response:
    """RFC 9728, section 2: of Daypass's own API. An API behind it publishes its own."""
    return jsonify(_of_resource(str(_public_url(below))))


def _public_url(below: str) -> PublicUrl:
    """The public URL, if it has the path `below`, or that is empty. Refuses with NotFound."""
    public_url = parts().public_url
    if public_url is None or (below and f"/{below.removesuffix('/')}" != public_url.path):
        raise NotFound("metadata")
    return public_url


def _of_server(issuer: str) -> dict[str, Any]:
    """No scopes, which clients would ask for, no keys, which an opaque token does not need, and no registration.

    The Python and TypeScript SDKs of MCP refuse a document without an ``authorization_endpoint``.
    """
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "grant_types_supported": [str(each) for each in GrantType],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": AUTHENTICATION,
        "introspection_endpoint_auth_methods_supported": AUTHENTICATION,
        "revocation_endpoint_auth_methods_supported": [*AUTHENTICATION, "none"],
        "service_documentation": f"{issuer}/docs/oauth/",
    }


def _of_resource(issuer: str) -> dict[str, Any]:
    return {
        "resource": issuer,
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "resource_name": "Daypass",
        "resource_documentation": f"{issuer}/docs/",
    }
