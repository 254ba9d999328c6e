"""A file with ``NAME=value`` lines as the place of a refresh token: the client's own, or an application's ``.env``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daypass_client.draft import Draft
from daypass_client.errors import ConfigurationError, NotNow
from daypass_client.places import Keep
from daypass_client.secrecy import Secret
from daypass_client.secret_lines import secret_in, with_secret
from daypass_client.settings_file import LARGEST, is_fixed

MOUNTS = Path("/proc/self/mountinfo")


class FilePlace:
    """The line of `path` with the secret of a refresh token, whatever its name. `public_id`: of that token."""

    is_shared = False

    def __init__(self, path: Path, public_id: str) -> None:
        self._path = path
        self._public_id = public_id

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> Secret | None:
        """The secret that is in the file now; None if there is none, or it cannot be read."""
        try:
            return secret_in(_content(self._path), self._public_id)
        except (OSError, ValueError):
            return None

    @contextmanager
    def opened(self, secret: Secret, began_elsewhere: bool) -> Iterator[Keep]:
        """Write all of the file beside it first: what fails, fails before the rotation, and the space is there."""
        path = Path(os.path.realpath(self._path))  # a link stays one
        try:
            self._refuse_fixed(path)
            with Draft(path) as draft:
                draft.write(_content(path))
                yield lambda new: self._replace(draft, path, secret, new)
        except OSError as error:
            raise self._unkept(error.strerror or str(error)) from None

    def _replace(self, draft: Draft, path: Path, old: Secret, new: Secret) -> None:
        content = _content(path)  # somebody may have changed it meanwhile
        if secret_in(content, self._public_id) not in (old, new):
            raise NotNow(
                f"{self} was changed meanwhile, and does not have the refresh token any more: nothing was written."
            )
        draft.write(with_secret(content, old, new))
        if _content(path) != content:
            raise NotNow(f"{self} is being changed. Try again later.")
        draft.replace()

    def _refuse_fixed(self, path: Path) -> None:
        with self._path.open("rb") as file:
            if is_fixed(self._path, file.fileno()):
                raise self._unkept("it is on a read-only file system, or in a volume of Kubernetes")
        if _is_mount(path):
            raise self._unkept("it is a mount of its own; mount its folder instead")
        if path.stat().st_nlink > 1:
            raise self._unkept("it has another name, a hard link, which would keep the old secret; make that a copy")
        if path.stat().st_mode & 0o200 and not os.access(path, os.W_OK):
            raise PermissionError("it may not be changed")

    def _unkept(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self} cannot be written ({why}), so the old secret of the refresh token stays in use. Make the file and"
            " its folder writable for this user, or rotate where they are."
        )


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ConfigurationError(f"{path} is larger than {LARGEST // 1024} KiB: is it the right file?")
    return content


def _is_mount(path: Path) -> bool:
    """Whether the file is a mount, as with Docker's ``-v FILE:FILE``: nothing can take its place. For Linux."""
    try:
        mounts = MOUNTS.read_bytes()
    except OSError:
        return False
    written = os.fsencode(path)
    for character in b"\\ \t\n":  # as proc(5) has them
        written = written.replace(bytes([character]), b"\\%03o" % character)
    return any(fields[4] == written for line in mounts.splitlines() if len(fields := line.split()) > 4)
