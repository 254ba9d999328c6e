"""Files of the instance: creating them, whose they are, and as whom to run a command that can't use them.

What is created is for its user only, whatever the umask. A folder that a group can write, and nobody else, is shared on
purpose (OpenShift, ``fsGroup`` of Kubernetes): new files in it are the group's too. What root creates belongs to the
owner of its folder, so that the service can read it. Not here: who else can use them (``exposure``).
"""

import errno
import grp
import os
import pwd
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

SHARED = 0o060
"""The bits with which a group reads and writes."""

GROUP_WRITES, OTHERS_WRITE = 0o020, 0o002


REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EROFS: "mount it writable",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "free some memory",
}
"""What to do about errors that have nothing to do with the owner of the file."""


def user_name(uid: int) -> str:
    """The user's name; ``uid-NUMBER`` where the system has no name for it, as in containers."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"gid-{gid}"


def groups() -> set[int]:
    """The groups that this process is in."""
    return {os.getegid(), *os.getgroups()}


def remedy(path: Path, number: int | None) -> str:
    """What to do about a failure of the system at this file, by its number."""
    return REMEDIES.get(number or 0) or as_owner(path)


def as_owner(path: Path) -> str:
    """How to run a command as the owner of this file, or of the nearest folder that can be seen."""
    about = _nearest(path)
    if about.st_uid == os.geteuid():
        return "check its permissions"
    if about.st_uid == 0:
        if _nearest(path.parent).st_uid == os.geteuid():
            return f"it belongs to root: let root run chown --reference={path.parent} {path}"
        return "run the command as root"
    try:
        prefix = f"sudo -u {pwd.getpwuid(about.st_uid).pw_name}"
    except KeyError:
        prefix = f"setpriv --reuid={about.st_uid} --regid={about.st_gid} --clear-groups"
    return f"run the command as {user_name(about.st_uid)}: {prefix} …"


def create_folder(folder: Path) -> None:
    """Create a folder and those above it, with mode 0700; raises OSError."""
    if folder.is_dir():
        return
    if not folder.parent.exists():
        create_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o700)  # whatever the umask
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        settle(number, folder, shared=0o770)
    finally:
        os.close(number)


def create_empty(path: Path, like: Path | None = None) -> bool:
    """Create an empty file with mode 0600; False where it exists. Raises OSError.

    `like`: an existing file whose users it gets, as :func:`share_as`.
    """
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    try:
        os.fchmod(number, 0o600)  # whatever the umask
        if like is None:
            settle(number, path)
        else:
            share_as(number, like)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(number)
    return True


def create(path: Path, text: str) -> bool:
    """Create a complete file with mode 0600; False where it exists. Raises OSError."""
    temporary = _write(path, text)
    try:
        with temporary.open("rb") as file:
            settle(file.fileno(), path)
        os.link(temporary, path)  # fails where another process has created it
    except OSError as error:
        if path.exists():
            return False
        # On a file system without hard links, another process could create it between these lines.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def replace(path: Path, text: str) -> None:
    """Replace a file at once; owner, group and mode stay. Raises OSError, PermissionError where they can't stay."""
    path = path.resolve()
    old = path.stat()
    temporary = _write(path, text)
    try:
        with temporary.open("rb") as file:
            # A group that shares the file can do without its owner.
            is_shared = old.st_gid in groups() and old.st_mode & SHARED == SHARED
            owner = -1 if is_shared and os.geteuid() != 0 else old.st_uid
            os.fchown(file.fileno(), owner, old.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def share_as(number: int, like: Path) -> None:
    """Give an open file to the group of another one, with the group's rights; for root also to the owner."""
    about = like.stat()
    if os.geteuid() == 0:
        os.fchown(number, about.st_uid, about.st_gid)
    elif os.fstat(number).st_gid != about.st_gid:
        with suppress(PermissionError):  # not a group of this process
            os.fchown(number, -1, about.st_gid)
    is_group_s = os.fstat(number).st_gid == about.st_gid
    os.fchmod(number, 0o600 | (about.st_mode & SHARED if is_group_s else 0))


def settle(number: int, path: Path, shared: int = 0o660) -> None:
    """Give a new file to the owner of its folder; where a group shares the folder, to the group with the mode `shared`.

    OpenShift runs a container as any user of a group, which owns the folder together with root.
    """
    folder, user = path.parent.stat(), os.geteuid()
    is_ours = folder.st_uid == user
    if user == 0 and not is_ours:
        os.fchown(number, folder.st_uid, folder.st_gid)
    elif _is_shared(folder) and is_ours == (user == 0) and (user == 0 or folder.st_gid in groups()):
        os.fchown(number, -1, folder.st_gid)
        os.fchmod(number, shared)


def _is_shared(folder: os.stat_result) -> bool:
    """Whether a group can write it, and nobody else besides: a folder that everybody can write shows no intention."""
    return folder.st_mode & (GROUP_WRITES | OTHERS_WRITE) == GROUP_WRITES


def _nearest(path: Path) -> os.stat_result:
    for each in (path, *path.absolute().parents):
        try:
            return each.stat()
        except OSError:
            continue
    return Path("/").stat()


def _write(path: Path, text: str) -> Path:
    """Write a complete file next to `path`, with mode 0600."""
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        os.fchmod(number, 0o600)  # whatever the umask
        with open(number, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
