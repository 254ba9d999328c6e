"""Who else can read or change the files of the instance, and the command that ends it.

Not here: creating files so that nobody else can (``files``).
"""

import os
import shlex
import stat
from pathlib import Path
from typing import NamedTuple

from config.files import GROUP_WRITES, OTHERS_WRITE, SHARED, group_name, groups, user_name

GROUP, OTHERS = 0o070, 0o007


class Exposure(NamedTuple):
    """Who can do what with a file that should be private, and what to do about it."""

    detail: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.detail}: {self.remedy}"


def readers_problem(path: Path, about: os.stat_result, files: str = "") -> Exposure | None:
    """Whether others can read or write a file; None where only its owner and a group of this process can.

    `files`: what the command names instead of the path, such as a pattern for the file and those beside it.
    """
    readers = _strangers(about, OTHERS, GROUP, path.parent)
    if readers is None:
        return None
    detail = f"{path} can be read by {readers}"
    if _may_change(path, about):
        is_shared = readers == "others" and about.st_mode & SHARED == SHARED  # a group writes it, as it may
        return Exposure(detail, f"run chmod {'o=' if is_shared else '600'} {files or shlex.quote(str(path))}")
    return Exposure(
        detail,
        "mount it with mode 0440 and a group of this process "
        f"(Kubernetes: defaultMode 0440 and fsGroup), or let {user_name(about.st_uid)} run chmod 600",
    )


def folder_problem(folder: Path) -> Exposure | None:
    """Whether others can put files into a folder, or replace those in it; None where they can't. Raises OSError.

    Others may read it: that shows names only. On a read-only file system nobody writes, whatever the mode says, which
    is 1777 for the secrets of Kubernetes.
    """
    about = folder.stat()
    writers = _strangers(about, OTHERS_WRITE, GROUP_WRITES, folder)
    if writers is None or os.statvfs(folder).f_flag & os.ST_RDONLY:
        return None
    detail = f"{writers} can write the folder {folder}"
    name = shlex.quote(str(folder))
    if about.st_mode & stat.S_ISVTX or not _may_change(folder, about):
        # Not to change it: others need /tmp as it is, and a volume may be root's.
        return Exposure(detail, f"use a folder of its own, such as one from mkdir -m 700 {name}/daypass")
    return Exposure(detail, f"run chmod {'o' if about.st_mode & OTHERS_WRITE else 'g'}-w {name}")


def _strangers(about: os.stat_result, others: int, group: int, home: Path) -> str | None:
    """Who has one of these rights, besides the owner and a group of this process; for root, of the folder `home`."""
    if about.st_mode & others:
        return "others"
    ours = groups() | ({home.stat().st_gid} if os.geteuid() == 0 else set())
    if about.st_mode & group and about.st_gid not in ours:
        return f"the group {group_name(about.st_gid)}, which this process is not in"
    return None


def _may_change(path: Path, about: os.stat_result) -> bool:
    return os.geteuid() in (0, about.st_uid) and not os.statvfs(path).f_flag & os.ST_RDONLY
