"""What tokens are marked with that somebody should look at. Not here: which are (``app.storage.token_warnings``)."""

from enum import StrEnum


class TokenWarning(StrEnum):
    """SHARED: programs replace each other's access tokens. EXPOSED: the secret was sent where logs keep it.

    WRONG_CLOCK: the token says that it was created in the future.
    """

    SHARED = "shared"
    EXPOSED = "exposed"
    WRONG_CLOCK = "wrong-clock"
