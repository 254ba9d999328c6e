"""What Daypass notices about tokens that somebody should look at. Not here: how (``app.storage.notices``)."""

from enum import StrEnum


class Notice(StrEnum):
    """SHARED: programs replace each other's access tokens. EXPOSED: the secret was sent where logs keep it.

    WRONG_CLOCK: the token says that it was created in the future.
    """

    SHARED = "shared"
    EXPOSED = "exposed"
    WRONG_CLOCK = "wrong-clock"
