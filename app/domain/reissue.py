"""The reissue policy: what becomes of an access token when another one is minted (docs/derived-secrets.md)."""

from enum import StrEnum


class Reissue(StrEnum):
    """What a mint does while another access token of the refresh token is active.

    REPLACE: that one stops at once. OVERLAP: it works a while longer. REUSE: it is returned while at least half of its
    lifetime is left; after that as OVERLAP.
    """

    REPLACE = "replace"
    OVERLAP = "overlap"
    REUSE = "reuse"
