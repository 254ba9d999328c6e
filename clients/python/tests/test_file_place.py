"""A new secret in a file: what stays as it is, and where nothing is begun because it could not be written."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from daypass_client import ConfigurationError, NotNow
from daypass_client.file_place import FilePlace
from daypass_client.secrecy import Secret

PUBLIC_ID = "dpr_k3v9x0a1b2c3"
OLD = Secret(f"{PUBLIC_ID}_{'s3cr3tTh' * 6}x")
NEW = Secret(f"{PUBLIC_ID}_{'N3wS3cr3' * 6}x")
OTHER = f"dpr_0000000000zz_{'s3cr3tTh' * 6}x"

LINES = f"""# Nightly; before it was {OLD}
DAYPASS_URL=https://daypass.example.com

OTHER_TOKEN={OTHER}
export  REPORTS_TOKEN = '{OLD}'   # of reports
\tDAYPASS_REFRESH_TOKEN="{OLD}"
NAME=Zoë
BROKEN="
; {OLD}
DAYPASS_REFRESH_TOKEN={OLD}"""


def written(folder: Path, content: bytes = LINES.encode(), mode: int = 0o600) -> Path:
    path = folder / "daypass.env"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def rotate(path: Path, new: Secret = NEW) -> None:
    with FilePlace(path, PUBLIC_ID).opened(OLD, began_elsewhere=False) as keep:
        keep(new)


def left_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
def test_only_the_secret_changes_byte_for_byte(tmp_path: Path, encoding: str, line_end: str) -> None:
    """Not in comments, and not another refresh token."""
    text = ("\ufeff" if encoding == "utf-16-be" else "") + LINES.replace("\n", line_end)
    path = written(tmp_path, text.encode(encoding))
    place = FilePlace(path, PUBLIC_ID)
    assert place.read() == OLD
    rotate(path)
    expected = "".join(
        line if line.lstrip("\ufeff").startswith(("#", ";")) else line.replace(OLD, NEW)
        for line in text.splitlines(keepends=True)
    )
    assert path.read_bytes() == expected.encode(encoding)
    assert place.read() == NEW
    assert left_in(tmp_path) == ["daypass.env"]


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_mode_owner_and_attributes_stay(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, mode=mode)
    if os.geteuid() == 0:
        os.chown(path, 12345, 54321)
    try:
        os.setxattr(path, "user.origin", b"ops")
    except OSError:
        attributes = []
    else:
        attributes = ["user.origin"]
    before = path.stat()
    rotate(path)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert [name for name in os.listxattr(path) if name.startswith("user.")] == attributes
    assert after.st_mtime_ns >= before.st_mtime_ns


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = written(tmp_path / "real")
    link = tmp_path / "link.env"
    link.symlink_to("real/daypass.env")
    rotate(link)
    assert link.is_symlink() and NEW in path.read_text() and link.samefile(path)
    assert left_in(tmp_path / "real") == ["daypass.env"]


def test_a_reader_has_the_old_file_or_the_new_one_and_never_a_part(tmp_path: Path) -> None:
    path = written(tmp_path)
    with path.open() as reader:
        rotate(path)
        assert reader.read() == LINES
    assert NEW in path.read_text()


def test_what_somebody_changes_meanwhile_stays(tmp_path: Path) -> None:
    path = written(tmp_path)
    with FilePlace(path, PUBLIC_ID).opened(OLD, began_elsewhere=False) as keep:
        path.write_text(LINES + "\nMORE=1\n")
        keep(NEW)
    assert path.read_text().endswith(f"DAYPASS_REFRESH_TOKEN={NEW}\nMORE=1\n")


@pytest.mark.parametrize("content", [LINES.replace(OLD, OTHER), f"A={OLD}\nB={OLD[:-1]}y\n", ""])
def test_another_refresh_token_that_somebody_puts_there_meanwhile_stays(tmp_path: Path, content: str) -> None:
    path = written(tmp_path)
    with (
        pytest.raises(NotNow, match="was changed meanwhile"),
        FilePlace(path, PUBLIC_ID).opened(OLD, began_elsewhere=False) as keep,
    ):
        path.write_text(content)
        keep(NEW)
    assert path.read_text() == content
    assert left_in(tmp_path) == ["daypass.env"]


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    """Also with caches of their own."""
    path = written(tmp_path)
    place = FilePlace(path, PUBLIC_ID)
    with place.opened(OLD, began_elsewhere=False):
        with pytest.raises(NotNow, match="Another process writes"), place.opened(OLD, began_elsewhere=False):
            raise AssertionError("must not be entered")
    rotate(path)


def test_what_a_killed_process_leaves_is_used_by_the_next_one(tmp_path: Path) -> None:
    path = written(tmp_path, mode=0o400)
    left = tmp_path / ".daypass.env.daypass"
    left.write_text("longer than what is to be written" * 100)
    left.chmod(0o400)
    rotate(path)
    assert path.read_text().count(NEW) == 3
    assert left_in(tmp_path) == ["daypass.env"]


@pytest.mark.parametrize("kind", ["link", "hard link"])
def test_a_draft_that_is_somebody_elses_file_is_not_written(tmp_path: Path, kind: str) -> None:
    path, victim = written(tmp_path), tmp_path / "victim"
    victim.write_text("precious")
    draft = tmp_path / ".daypass.env.daypass"
    if kind == "link":
        draft.symlink_to(victim)
    else:
        draft.hardlink_to(victim)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        rotate(path)
    assert victim.read_text() == "precious" and path.read_text() == LINES


def test_a_secret_of_kubernetes_is_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "..2026_11_30_03_05_27.123"
    folder.mkdir()
    path = written(folder)
    (tmp_path / "..data").symlink_to(folder.name)
    (tmp_path / "daypass.env").symlink_to("..data/daypass.env")
    with pytest.raises(ConfigurationError, match="in a volume of Kubernetes"):
        rotate(tmp_path / "daypass.env")
    assert path.read_text() == LINES


def test_a_file_that_is_gone_or_too_large_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        rotate(tmp_path / "nothing.env")
    with pytest.raises(ConfigurationError, match="larger than 64 KiB"):
        rotate(written(tmp_path, b"#" * 70_000))
    assert left_in(tmp_path) == ["daypass.env"]


def test_nothing_is_begun_where_the_file_has_another_name_that_would_keep_the_old_secret(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "other.env").hardlink_to(path)
    with pytest.raises(ConfigurationError, match="a hard link"):
        rotate(path)
    assert path.read_bytes() == LINES.encode() and left_in(tmp_path) == ["daypass.env", "other.env"]


MOUNTS = """
cd "$1" && mkdir fixed full one && cp -p daypass.env fixed && mount --bind fixed fixed &&
mount -o remount,ro,bind fixed && mount -t tmpfs -o size=16k none full && cp -p daypass.env full &&
cp -p daypass.env one && mount --bind daypass.env one/daypass.env &&
{ head -c 100000 /dev/zero > full/filler || true; } 2> /dev/null
exec "$2" -c "
from pathlib import Path
from clients.python.tests.test_file_place import NEW, OLD, PUBLIC_ID
from daypass_client import ConfigurationError
from daypass_client.file_place import FilePlace
for name in ('fixed', 'full', 'one'):
    path = Path(name, 'daypass.env').absolute()
    before = path.read_bytes()
    try:
        with FilePlace(path, PUBLIC_ID).opened(OLD, False):
            print('begun')
    except ConfigurationError as error:
        print(error)
    assert path.read_bytes() == before
    assert not [each for each in path.parent.iterdir() if each.name.startswith('.')]
"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_nothing_is_begun_on_a_read_only_mount_a_full_disk_and_a_file_mounted_by_itself(tmp_path: Path) -> None:
    """The last as with Docker's ``-v FILE:FILE``: nothing can take its place."""
    written(tmp_path)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", MOUNTS, "sh", tmp_path, sys.executable],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")]))},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "Operation not permitted" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.returncode == 0, done.stderr
    fixed, full, one = done.stdout.splitlines()
    assert "it is on a read-only file system" in fixed
    assert "No space left on device" in full
    assert "it is a mount of its own" in one


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
@pytest.mark.parametrize(("owner", "folder_mode", "why"), [(0, 0o777, "not be changed"), (12345, 0o755, "denied")])
def test_nothing_is_begun_where_the_owner_cannot_be_kept_or_the_folder_not_written(
    tmp_path: Path, owner: int, folder_mode: int, why: str
) -> None:
    """Tried as another user, who may read the file."""
    path = written(tmp_path, mode=0o640)
    os.chown(path, owner, 54321)
    for each in tmp_path.parents:
        if not each.stat().st_mode & stat.S_IXOTH:
            each.chmod(0o755)  # pytest's folders are for root alone
    tmp_path.chmod(folder_mode)
    process = os.fork()
    if process == 0:
        os.setgroups([])
        os.setgid(54321)
        os.setuid(12345)
        try:
            rotate(path)
        except ConfigurationError as error:
            os._exit(0 if why in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert path.read_text() == LINES
    assert left_in(tmp_path) == ["daypass.env"]
