"""The refresh token in use: its secret, the place where it is, and its rotation.

A new secret is in its place, on the disk, before it is used. Wherever a process is killed, what is in the place works:
the old secret does during the overlap, and asking with it again gives the same new one.
"""

from daypass_client.minting import RefreshLife, life_after_rotation
from daypass_client.places import Place
from daypass_client.secrecy import Secret
from daypass_client.server import Server

PATH = "/api/v1/refresh-tokens/rotate"


class Credential:
    """`place`: None where the secret was given in a way that nothing can be written to."""

    def __init__(self, secret: Secret, place: Place | None, server: Server) -> None:
        self.secret = secret
        self.place = place
        self._server = server

    def reread(self) -> bool:
        """Take the secret in the place, which another process may have written; whether it is another one."""
        found = self.place.read() if self.place is not None else None
        if found is None or found == self.secret:
            return False
        self.secret = found
        return True

    def rotate(self, began_elsewhere: bool) -> RefreshLife | None:
        """Rotate, and use the new secret. None if another process has: the new secret is in use, its life unknown.

        `began_elsewhere`: the server says that this secret is old. The caller holds the lock of the machine.
        """
        assert self.place is not None
        if self.reread():
            return None
        with self.place.opened(self.secret, began_elsewhere) as keep:
            new, members, headers = self._server.post(PATH, self.secret, ("secret", "refresh_token"))
            keep(new)
        self.secret = new
        return life_after_rotation(headers, members)
