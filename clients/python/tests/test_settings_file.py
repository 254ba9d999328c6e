"""The file with the settings: encodings, lines, and who else can read it, also in mounts that cannot be changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daypass_client import ConfigurationError
from daypass_client.settings_file import read_settings

URL, SECRET = "https://daypass.example.com", "dpr_k3v9x0a1b2c3_" + "s3cr3tTh" * 6 + "x"
LINES = f"DAYPASS_URL={URL}\nDAYPASS_REFRESH_TOKEN={SECRET}\n"
BOTH = {"DAYPASS_URL": URL, "DAYPASS_REFRESH_TOKEN": SECRET}


def written(folder: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "daypass.env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def values(path: Path) -> dict[str, str]:
    return {name: line.value for name, line in read_settings(path).items()}


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode("utf-8-sig"), LINES.encode("utf-16"), b"\xfe\xff" + LINES.encode("utf-16-be"),
        LINES.replace("\n", "\r\n").encode(), LINES.replace("\n", "\r").encode(), LINES.rstrip().encode(),
        LINES.replace("\n", "\r\n").encode("utf-16"),
    ],
    ids=["UTF-8 with BOM", "UTF-16 LE", "UTF-16 BE", "CRLF", "CR", "no line end", "Notepad's Unicode"],
)  # fmt: skip
def test_editors_of_other_systems_may_write_it(tmp_path: Path, content: bytes) -> None:
    assert values(written(tmp_path, content)) == BOTH


@pytest.mark.parametrize(
    "line",
    [
        "DAYPASS_URL={}", "  DAYPASS_URL = {} ", "export DAYPASS_URL={}", "export  DAYPASS_URL='{}'",
        'DAYPASS_URL="{}"', "DAYPASS_URL={} # nightly", "DAYPASS_URL='{}'   # nightly", "\tDAYPASS_URL\t=\t{}\t#",
        "DAYPASS_URL={}\nDAYPASS_URL='{}'", "# DAYPASS_URL=x\n; DAYPASS_URL=x\n\n \n#\nDAYPASS_URL={}",
        "PS1='> '\nset -a\nOTHER\nDAYPASS_PORT=7\nDAYPASS_URL={}", "DAYPASS_URL='{}'\nDAYPASS_USER_ID= # for Alation",
    ],
)  # fmt: skip
def test_lines_are_as_in_a_shell_and_those_of_other_programs_are_ignored(tmp_path: Path, line: str) -> None:
    found = values(written(tmp_path, line.replace("{}", URL)))
    assert {name: value for name, value in found.items() if value} == {"DAYPASS_URL": URL}


def test_what_is_part_of_a_value_stays(tmp_path: Path) -> None:
    text = (
        "DAYPASS_REFRESH_TOKEN='a # b'\nDAYPASS_APIS=https://one.example  https://two.example # both\nDAYPASS_URL=x#y=z"
    )
    assert values(written(tmp_path, text)) == {
        "DAYPASS_REFRESH_TOKEN": "a # b",
        "DAYPASS_APIS": "https://one.example  https://two.example",
        "DAYPASS_URL": "x#y=z",
    }


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('DAYPASS_REFRESH_TOKEN="{}', "is not closed"),
        ("DAYPASS_REFRESH_TOKEN={}'", "is not opened"),
        ("DAYPASS_REFRESH_TOKEN='{}' x", "after the closing"),
        ("DAYPASS_REFRESH_TOKEN=\u201c{}\u201d", "typographic"),
        ("DAYPASS_REFRESH_TOKEN={} ; exit", "white space within"),
        ("DAYPASS_REFRESH_TOKEN=Bearer {}", "white space within"),
        ("DAYPASS_REFRESH_TOKEN={}\u200b", "invisible character"),
        ("DAYPASS_REFRESH_TOKEN='{}\u00a0'", "invisible character"),
        ("DAYPASS_REFRESH_TOKEN: {}", "is not NAME=value"),
        ("$env:DAYPASS_REFRESH_TOKEN={}", "is not NAME=value"),
        ("set DAYPASS_REFRESH_TOKEN={}", "is not NAME=value"),
        ("{}", "is not NAME=value"),
        ('"DAYPASS_REFRESH_TOKEN": "{}",', "is not NAME=value"),
        ("\u200bDAYPASS_REFRESH_TOKEN={}", "is not NAME=value"),
        ("DAYPASS_URL={}", "another value than line 1"),
    ],
)
def test_what_could_mean_two_things_is_refused_with_the_number_of_the_line_and_without_its_value(
    tmp_path: Path, line: str, problem: str
) -> None:
    path = written(tmp_path, f"DAYPASS_URL={URL}\n\n{line.replace('{}', SECRET)}\n")
    with pytest.raises(ConfigurationError, match=f"line 3 of {path}.*{problem}") as caught:
        read_settings(path)
    ours = [frame for frame in caught.traceback if "daypass_client" in str(frame.path)]
    assert not [each for each in (str(caught.value), *(repr(frame.frame.f_locals) for frame in ours)) if SECRET in each]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (LINES.encode("utf-16-le"), "Save it as UTF-8"),
        (b"\xff\xfeD", "Save it as UTF-8"),
        (b"\x80", "Save it as UTF-8"),
        (b"#" * 70_000, "larger than 64 KiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_what_to_do(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read_settings(written(tmp_path, content))


def test_a_misspelt_name_is_named_in_the_log(tmp_path: Path, log_lines: list[str]) -> None:
    path = written(tmp_path, f"DAYPASS_ULR={URL}\nDAYPASS_DATABASE_URL=sqlite://\ndaypass_refresh_token={SECRET}")
    for _ in range(2):
        assert read_settings(path) == {}
    assert [line for line in log_lines if "did you mean" in line] == [
        f"WARNING daypass_client line 1 of {path} sets DAYPASS_ULR, which is ignored: did you mean DAYPASS_URL?",
        f"WARNING daypass_client line 3 of {path} sets daypass_refresh_token, which is ignored: did you mean"
        " DAYPASS_REFRESH_TOKEN?",
    ]


# Who else can read it


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o640])
def test_a_group_that_the_process_is_in_may_read_it(tmp_path: Path, mode: int, log_lines: list[str]) -> None:
    assert values(written(tmp_path, LINES, mode)) == BOTH
    assert log_lines == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("mode", [0o440, 0o640])
def test_another_group_may_not(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, LINES, mode)
    os.chown(path, 0, 54321)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {path}"):
        read_settings(path)


def test_a_secret_of_kubernetes_with_its_default_mode_works_with_one_warning(
    tmp_path: Path, log_lines: list[str]
) -> None:
    """A link to a link, as the kubelet makes them, to a file of mode 0644."""
    folder = tmp_path / "..2026_11_30_03_05_27.123"
    folder.mkdir()
    written(folder, LINES, 0o644)
    (tmp_path / "..data").symlink_to(folder.name)
    (tmp_path / "daypass.env").symlink_to("..data/daypass.env")
    for _ in range(2):
        assert values(tmp_path / "daypass.env") == BOTH
    (line,) = log_lines
    assert "can be read by others" in line and "defaultMode" in line and SECRET not in line


READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" &&
exec setpriv --regid=54321 --clear-groups "$2" -c "
from daypass_client.settings_file import read_settings
from pathlib import Path
print(sorted(read_settings(Path('$1/daypass.env'))))"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize(("mode", "owner"), [(0o444, 12345), (0o440, 0)])
def test_a_read_only_mount_works_as_it_is_and_is_warned_of_if_others_can_read_it(
    tmp_path: Path, mode: int, owner: int
) -> None:
    """Nobody there can change it; a group of the process is enough."""
    os.chown(written(tmp_path, LINES, mode), owner, 54321)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", tmp_path, sys.executable],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "Operation not permitted" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert (done.returncode, done.stdout) == (0, "['DAYPASS_REFRESH_TOKEN', 'DAYPASS_URL']\n"), done.stderr
    assert done.stderr.count("\n") == ("can be read by others" in done.stderr) == (mode != 0o440)
