"""Slashes at the start of a path."""

import pytest

from app.http.slashes import with_one_slash


@pytest.mark.parametrize(
    ("path", "one"),
    [
        ("/login", "/login"), ("//login", "/login"), ("///a//b//", "/a//b//"), ("//", "/"), ("/", "/"), ("", ""),
        ("*", "*"), ("/a//b", "/a//b"), ("//evil.example/x", "/evil.example/x"), ("/%2F/login", "/%2F/login"),
        ("/\\\\login", "/\\\\login"),
    ],
)  # fmt: skip
def test_several_at_the_start_become_one_and_the_rest_stays(path: str, one: str) -> None:
    assert with_one_slash(path) == one


@pytest.mark.parametrize(
    ("path", "one"),
    [
        ("/daypass//login", "/daypass/login"), ("//daypass///login", "/daypass/login"), ("/daypass//", "/daypass/"),
        ("/daypass", "/daypass"), ("//login", "/login"), ("/daypassport//x", "/daypassport//x"),
        ("/other//daypass//x", "/other//daypass//x"), ("/daypass//daypass//x", "/daypass/daypass//x"),
    ],
)  # fmt: skip
def test_several_after_the_public_path_become_one(path: str, one: str) -> None:
    assert with_one_slash(path, "/daypass") == one
