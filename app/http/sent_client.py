"""How OAuth clients authenticate: HTTP Basic, or `client_id` and `client_secret` in the form (RFC 6749, section 2.3.1).

Not here: whether the secret is one (``app.services.clients``), and user names and passwords (``credentials``).
"""

from collections.abc import Callable, Mapping
from urllib.parse import unquote_plus

from app.domain.errors import BadRequest
from app.domain.oauth_client import SentClient
from app.domain.secrets import TokenText
from app.http.credentials import basic_credentials

TWO_CLIENTS = "There are two clients in the request: authenticate with HTTP Basic or in the form, or as the same one."


def sent_client(
    authorization: str, form: Mapping[str, str], parse: Callable[[str], TokenText | None] | None = None
) -> SentClient | None:
    """The client of a request; None where no secret is sent. `authorization`: the header, of any scheme.

    Libraries send both ways at once, the id twice, or Basic with an empty password, which counts as none. `parse`: of
    the password in Basic, which is a user's where it is None; without it, a client's in any case. Refuses with
    BadRequest two that differ, and with BadCredentials malformed Basic.
    """
    id, secret = _client_of_basic(authorization) or ("", "")
    token = parse(secret) if secret and parse is not None else None
    if token is not None and "client_secret" not in form and "client_id" not in form:  # as most send one
        return SentClient(secret, id or None, token)
    if secret and parse is not None and token is None and not form.get("client_secret"):
        return None
    secrets = {secret, form.get("client_secret", "")} - {""}
    ids = {id, form.get("client_id", "")} - {""}
    if not secrets:
        return None
    if len(secrets) > 1 or len(ids) > 1:
        raise BadRequest(TWO_CLIENTS)
    return SentClient(secrets.pop(), next(iter(ids), None))


def _client_of_basic(authorization: str) -> tuple[str, str] | None:
    """Id and secret in HTTP Basic, form-decoded; None for another scheme, or without a secret.

    RFC 6749 has both form-encoded before they are joined. Most libraries send them as they are, which decoding does not
    change: neither holds a percent or a plus sign.
    """
    sent = basic_credentials(authorization)
    if sent is None or not sent[1]:
        return None
    return unquote_plus(sent[0]), unquote_plus(sent[1])
