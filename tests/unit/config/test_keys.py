"""The keys file: who may read it, what is refused, and how keys rotate."""

import errno
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from config import exposure
from config.keys import KEYS_FILE, Keys, generate_keys, read_keys, rotate_keys
from config.settings import Settings, SettingsError
from tests.crowds import all_at_once

A, B, C = (letter * 64 for letter in "abc")
SHORT = "d" * 62  # 31 bytes


def instance(folder: Path, **given: str) -> Settings:
    return Settings(instance=str(folder), **given)


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / KEYS_FILE
    path.write_text(text)
    path.chmod(mode)
    return path


def in_file(token_keys: str, password_pepper: str) -> str:
    return f"DAYPASS_TOKEN_KEYS={token_keys}\nDAYPASS_PASSWORD_PEPPER={password_pepper}\n"


def refusal(settings: Settings) -> str:
    """What the keys are refused with: one line, without anything of a key, not even in the causes."""
    with pytest.raises(SettingsError) as refused:
        read_keys(settings)
    line, error = str(refused.value), refused.value
    assert "\n" not in line
    while error is not None:
        assert not re.search("[0-9a-d]{8}|zz", str(error)), "key material in an error"
        error = error.__cause__ or error.__context__
    return line


def test_a_generated_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert generate_keys(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / KEYS_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEYS_FILE]


def test_generated_keys_are_32_bytes_each_and_all_different_and_never_generated_again(tmp_path: Path) -> None:
    made = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        generate_keys(tmp_path / name)
        keys = read_keys(instance(tmp_path / name))
        assert list(keys.token_keys) == ["k1"]
        made |= {keys.token_keys["k1"], keys.pepper}
        assert not generate_keys(tmp_path / name)
        assert read_keys(instance(tmp_path / name)) == keys
    assert [len(key) for key in made] == [32] * 4


def test_of_many_that_generate_at_once_one_does_and_all_read_the_same(tmp_path: Path) -> None:
    """As when two servers are set up on one folder. Fails when looking and writing are two steps."""

    def generate_and_read() -> tuple[bool, Keys]:
        return generate_keys(tmp_path), read_keys(instance(tmp_path))

    results = all_at_once([generate_and_read] * 8)
    assert [made for made, _ in results].count(True) == 1
    assert all(keys == results[0][1] for _, keys in results)
    assert [path.name for path in tmp_path.iterdir()] == [KEYS_FILE]


def test_keys_are_read_in_their_order_and_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    write(tmp_path, in_file(f"k2:{B}, k1:{A}", C))
    keys = read_keys(instance(tmp_path))
    assert list(keys.token_keys.items()) == [("k2", bytes.fromhex(B)), ("k1", bytes.fromhex(A))]
    assert keys.pepper == bytes.fromhex(C)
    keys = read_keys(instance(tmp_path, token_keys=f"env:{A}"))
    assert keys == Keys({"env": bytes.fromhex(A)}, bytes.fromhex(C))
    keys = read_keys(instance(tmp_path / "nowhere", token_keys=f"k1:{A}", password_pepper=B))
    assert keys == Keys({"k1": bytes.fromhex(A)}, bytes.fromhex(B))
    assert "bbbb" not in f"{keys!r} {keys}" and repr(keys.pepper) not in f"{keys!r} {keys}"


@pytest.mark.parametrize(
    ("token_keys", "pepper", "reason"),
    [
        *((text, B, "DAYPASS_TOKEN_KEYS is missing") for text in ("", "k1:", "k1")),
        *((text, B, "DAYPASS_TOKEN_KEYS is short") for text in (f"k1:{SHORT}", f"k2:{A},k1:{SHORT}")),
        *((text, B, "DAYPASS_TOKEN_KEYS is not in hex") for text in (f"k1:{A}zz", f"k1:{A}a")),
        (f"k1:{A}", "", "DAYPASS_PASSWORD_PEPPER is missing"),
        (f"k1:{A}", SHORT, "DAYPASS_PASSWORD_PEPPER is short"),
        (f"k1:{A}", f"{B}zz", "DAYPASS_PASSWORD_PEPPER is not in hex"),
        *((text, B, "are equal") for text in (f"k1:{A},k2:{A}", f"k1:{A},k2:{A.upper()}")),
        *((text, A, "are equal") for text in (f"k1:{A}", f"k2:{B},k1:{A}")),
        *((text, B, "every key needs an id") for text in (A, f":{A}", f"K1:{A}", f"k 1:{A}", f"k1:{A},k1:{C}",
          f"k1:{A},", f"{'k' * 17}:{A}")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["file", "environment"])
def test_keys_of_no_use_are_refused(tmp_path: Path, place: str, token_keys: str, pepper: str, reason: str) -> None:
    given = {"token_keys": token_keys, "password_pepper": pepper}
    if place == "file":
        write(tmp_path, in_file(**given))
        given = {}
    assert reason in refusal(instance(tmp_path, **given))


@pytest.mark.parametrize(
    ("line", "number"),
    [(f'DAYPASS_TOKEN_KEYS="k1:{A}', 2), (f"'k1:{A}", 2), (f"\n= {A}", 3)],
    ids=["quote", "name", "="],
)
def test_a_line_that_cannot_be_read_is_refused_by_its_number_and_not_called_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], line: str, number: int
) -> None:
    """Nothing else is on standard error, where the library that reads the lines would log a line of its own."""
    path = write(tmp_path, f"# keys\n{line}\nDAYPASS_PASSWORD_PEPPER={B}\n")
    assert refusal(instance(tmp_path)) == f"line {number} of {path} is not NAME=value: correct it"
    assert capfd.readouterr() == ("", "")


def test_a_file_that_its_owner_and_a_group_of_ours_can_read_is_read_and_any_other_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that Kubernetes mounts is readable for a group of the process, which can't change its mode."""
    assert "daypass init" in refusal(instance(tmp_path))
    path = write(tmp_path, in_file(f"k1:{A}", B))
    for mode in (0o600, 0o400, 0o640, 0o440, 0o660):
        path.chmod(mode)
        assert read_keys(instance(tmp_path)) == Keys({"k1": bytes.fromhex(A)}, bytes.fromhex(B))
    for mode in (0o604, 0o602, 0o601, 0o444):
        path.chmod(mode)
        assert refusal(instance(tmp_path)) == f"{path} can be read by others: run chmod 600 {path}"
    monkeypatch.setattr(exposure, "groups", lambda: {path.stat().st_gid + 1})
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid or 1001)  # root may see more
    for mode in (0o640, 0o620, 0o610):
        path.chmod(mode)
        assert "which this process is not in" in refusal(instance(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)  # and can't run chmod
    assert "mount it with mode 0440 and a group of this process" in refusal(instance(tmp_path))


def test_a_file_of_no_use_is_refused(tmp_path: Path) -> None:
    path = tmp_path / KEYS_FILE
    path.mkdir(mode=0o700)
    irregular = f"{path} is not a regular file: restore it from your copy"
    assert refusal(instance(tmp_path)) == irregular
    path.rmdir()
    os.mkfifo(path, 0o600)  # opening it would block
    assert refusal(instance(tmp_path)) == irregular
    path.unlink()
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    assert refusal(instance(tmp_path)) == f"{path} is not UTF-8 text: restore it from your copy"
    path.write_text("\ufeff" + in_file(f'"k1:{A}"', B))  # a byte order mark and quotes, as editors leave them
    assert read_keys(instance(tmp_path)).pepper == bytes.fromhex(B)


def test_a_rotation_keeps_the_mode_and_follows_a_link(tmp_path: Path) -> None:
    """And leaves nothing where it fails. Its owner and group: tests/environment/test_users.py."""
    (tmp_path / "elsewhere").mkdir()
    target = write(tmp_path / "elsewhere", in_file(f"k1:{A}", B), mode=0o640)
    (tmp_path / KEYS_FILE).symlink_to(target)
    assert rotate_keys(tmp_path, read_keys(instance(tmp_path))) == ("k2", False)
    assert (tmp_path / KEYS_FILE).is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o640
    assert list(read_keys(instance(tmp_path)).token_keys) == ["k1", "k2"]
    with pytest.MonkeyPatch.context() as full:
        full.setattr(os, "fsync", raising(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(SettingsError, match=r"can't replace .*No space left on device"):
            rotate_keys(tmp_path, read_keys(instance(tmp_path)))
    assert [path.name for path in target.parent.iterdir()] == [KEYS_FILE]


def test_keys_are_generated_also_on_a_file_system_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", raising(OSError(errno.EPERM, "Operation not permitted")))
    assert generate_keys(tmp_path) and not generate_keys(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [KEYS_FILE]


def raising(error: OSError) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_a_rotation_adds_a_key_that_verifies_and_then_lets_it_sign(tmp_path: Path) -> None:
    """In two steps, so that no server signs what another one does not know yet."""
    generate_keys(tmp_path)
    before = read_keys(instance(tmp_path))
    assert rotate_keys(tmp_path, before) == ("k2", False)
    between = read_keys(instance(tmp_path))
    assert list(between.token_keys) == ["k1", "k2"]
    assert rotate_keys(tmp_path, between) == ("k2", True)
    after = read_keys(instance(tmp_path))
    assert list(after.token_keys) == ["k2", "k1"]
    assert after.token_keys == between.token_keys
    assert after.token_keys["k1"] == before.token_keys["k1"]
    assert before.pepper == between.pepper == after.pepper
    assert len(after.token_keys["k2"]) == 32
    assert stat.S_IMODE((tmp_path / KEYS_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEYS_FILE]


def test_rotations_never_give_an_id_a_second_time_nor_copy_a_pepper_from_the_environment(tmp_path: Path) -> None:
    write(tmp_path, in_file(f"k7:{A},main:{B}", C))
    steps = [rotate_keys(tmp_path, read_keys(instance(tmp_path, password_pepper="e" * 64))) for _ in range(4)]
    assert steps == [("k8", False), ("k8", True), ("k9", False), ("k9", True)]
    assert list(read_keys(instance(tmp_path)).token_keys) == ["k9", "k8", "k7", "main"]
    assert read_keys(instance(tmp_path)).pepper == bytes.fromhex(C)


def test_keys_from_the_environment_are_not_rotated_in_a_file_that_they_hide(tmp_path: Path) -> None:
    """Or make one: the new key would sign nothing, and the operator would believe that it does."""
    with pytest.raises(SettingsError, match="come from the environment"):
        rotate_keys(tmp_path, read_keys(instance(tmp_path, token_keys=f"k1:{A}", password_pepper=B)))
    assert not list(tmp_path.iterdir())
    path = write(tmp_path, in_file(f"k1:{A}", B))
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="come from the environment"):
        rotate_keys(tmp_path, read_keys(instance(tmp_path, token_keys=f"k1:{C}")))
    assert path.read_bytes() == before
