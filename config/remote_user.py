"""The header in which a reverse proxy names who is signed in there, and the address of its sign-out."""

import re

NOT_A_USER = frozenset(
    {
        "authorization", "connection", "content-length", "content-type", "cookie", "forwarded", "host", "origin",
        "referer", "token", "transfer-encoding", "user-agent", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-proto", "x-request-id",
    }
)  # fmt: skip
"""Headers that clients send, or that mean something else."""


def refuse_unusable_header(name: str, trusted_proxies: str, sign_out: str) -> None:
    """Raise ValueError for settings that sign nobody in, or anybody; the message follows ``DAYPASS_REMOTE_USER_``."""
    if sign_out and not name:
        raise ValueError("SIGN_OUT needs DAYPASS_REMOTE_USER_HEADER: nobody signs in by the proxy without it")
    if sign_out and not re.fullmatch(r"(https?://[^/\s\\]+|/(?![/\\]))[\x21-\x5b\x5d-\x7e]*", sign_out):
        raise ValueError("SIGN_OUT must be an address that begins with https:// or http://, or a path of this host")
    if not name:
        return
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*", name) or name.lower() in NOT_A_USER:
        raise ValueError("HEADER must be the name of a header that clients do not send, such as Remote-User")
    if not trusted_proxies.strip():
        raise ValueError("HEADER needs DAYPASS_TRUSTED_PROXIES: from anybody else, the header would sign in as anybody")
