"""The challenges of Daypass's own resources in ``WWW-Authenticate``. Not here: the gate's, of APIs behind it."""

from app.http.context import parts

BASIC = 'Basic realm="daypass", charset="UTF-8"'
RESOURCE_METADATA = "/.well-known/oauth-protected-resource"


def bearer(error: str = "") -> str:
    """``Bearer`` (RFC 6750, section 3); without a token, it has no error.

    With a public URL, it says where the metadata of the resource is (RFC 9728, section 5.1).
    """
    attributes = {"realm": "daypass"} | ({"error": error} if error else {})
    if parts().public_url:
        attributes["resource_metadata"] = f"{parts().public_url}{RESOURCE_METADATA}"
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in attributes.items())
