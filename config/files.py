"""Files of the instance: whose they are, who can read them, and as whom to run a command that can't.

A command that root runs leaves files to the owner of their folder, so that the service can read them.
"""

import errno
import grp
import os
import pwd
import stat
import tempfile
from pathlib import Path

GROUP, OTHERS = 0o070, 0o007
SHARED = 0o060
"""The bits with which a group reads and writes."""


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


def readers_problem(path: Path, about: os.stat_result) -> str | None:
    """Why others can read a secret file, with what to do; None where only its owner and a group of this process can."""
    ours = groups() | ({path.parent.stat().st_gid} if os.geteuid() == 0 else set())
    if about.st_mode & OTHERS:
        readers = "others"
    elif about.st_mode & GROUP and about.st_gid not in ours:
        readers = f"the group {group_name(about.st_gid)}, which this process is not in"
    else:
        return None
    is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    if os.geteuid() in (0, about.st_uid) and not is_read_only:
        return f"{path} can be read by {readers}: run chmod 600 {path}"
    return (
        f"{path} can be read by {readers}: mount it with mode 0440 and a group of this process "
        f"(Kubernetes: defaultMode 0440 and fsGroup), or let {user_name(about.st_uid)} run chmod 600"
    )


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
        _settle(number, folder, shared=0o770)
    finally:
        os.close(number)


def create_empty(path: Path) -> bool:
    """Create an empty file with mode 0600; False where it exists. Raises OSError."""
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    try:
        os.fchmod(number, 0o600)  # whatever the umask
        _settle(number, path)
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
            _settle(file.fileno(), path)
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


def _settle(number: int, path: Path, shared: int = 0o660) -> None:
    """Give a new file to the owner of its folder; where a group shares the folder, to the group with the mode `shared`.

    OpenShift runs a container as any user of a group, which owns the folder together with root.
    """
    folder, user = path.parent.stat(), os.geteuid()
    is_ours = folder.st_uid == user
    if user == 0 and not is_ours:
        os.fchown(number, folder.st_uid, folder.st_gid)
    elif folder.st_mode & 0o020 and is_ours == (user == 0) and (user == 0 or folder.st_gid in groups()):
        os.fchown(number, -1, folder.st_gid)
        os.fchmod(number, shared)


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
