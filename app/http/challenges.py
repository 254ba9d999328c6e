"""The challenges of Daypass's own resources in ``WWW-Authenticate``. Not here: the gate's, of APIs behind it."""

from app.http.context import parts
from app.http.public_url import PublicUrl

BASIC = 'Basic realm="daypass", charset="UTF-8"'
RESOURCE_METADATA = "/.well-known/oauth-protected-resource"


def bearer(error: str = "") -> str:
    """``Bearer`` (RFC 6750, section 3) of the current application; without a token, it has no error."""
    return bearer_of(parts().public_url, error)


def bearer_of(public_url: PublicUrl | None, error: str = "") -> str:
    """The same. With a public URL, it says where the metadata of the resource is (RFC 9728, section 5.1)."""
    attributes = {"realm": "daypass"} | ({"error": error} if error else {})
    if public_url:
        attributes["resource_metadata"] = f"{public_url}{RESOURCE_METADATA}"
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in attributes.items())
