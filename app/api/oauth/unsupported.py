"""What OAuth has and Daypass does not: errors of HTTP with OAuth's own word, ``error``."""

from werkzeug.exceptions import BadRequest


class UnsupportedGrant(BadRequest):
    """No such grant type, or none was sent."""

    error = "unsupported_grant_type"
    description = "Send the grant_type client_credentials or refresh_token."


class UnsupportedResponse(BadRequest):
    """Nobody signs in here to give access to a client."""

    error = "unsupported_response_type"
    description = "There is no authorization in a browser: request access tokens at the token endpoint."
