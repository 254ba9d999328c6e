"""Database URLs: libpq's forms and unusual passwords work; any other is one line without a part of the password."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

from app.storage.database import POSTGRESQL_OPTIONS, engine_options
from config.database_url import engine_url
from config.settings import Settings

HIDDEN = "hidden-word"


def short(value: object) -> str:
    """A name for a case, without the word by which `make check` leaves out what needs the server."""
    return value.replace("postgresql", "pg") if isinstance(value, str) else ""


def arguments(url: str) -> dict[str, Any]:
    """What the driver is called with."""
    _, found = create_engine(engine_url(url)).dialect.create_connect_args(make_url(engine_url(url)))
    return {name: str(value) for name, value in found.items() if name != "context"}


PARTS = {"user": "u", "password": "p", "host": "db", "dbname": "x"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        *((f"{scheme}://u:p@db/x", PARTS) for scheme in ("postgres", "postgresql", "postgresql+psycopg")),
        ("postgresql://u:p@db:5433/x?sslmode=verify-full&application_name=a%20b",
         PARTS | {"port": "5433", "sslmode": "verify-full", "application_name": "a b"}),
        ("postgresql://u:p@h1:5432,h2:5433/x?target_session_attrs=read-write",
         PARTS | {"host": "h1,h2", "port": "5432,5433", "target_session_attrs": "read-write"}),
        ("postgresql://u:p@h1,h2:5433/x", PARTS | {"host": "h1,h2", "port": ",5433"}),
        ("postgresql://u:p@h1,h2/x", PARTS | {"host": "h1,h2", "port": ","}),  # each the default
        ("postgresql://u:p@/x?host=h1,h2&port=1,2", PARTS | {"host": "h1,h2", "port": "1,2"}),
        ("postgresql://[::1]:5/x", {"host": "::1", "port": "5", "dbname": "x"}),
        ("postgresql://[::1]:5,[::2]:6/x", {"host": "::1,::2", "port": "5,6", "dbname": "x"}),
        *((url, {"host": "/run/pg", "dbname": "x"}) for url in ("postgresql:///x?host=/run/pg",
          "postgresql://%2Frun%2Fpg/x")),
        ("postgresql:///?service=s&passfile=/f", {"service": "s", "passfile": "/f"}),
        ("postgresql://db/?user=u&password=p&dbname=x", PARTS),
        ("postgresql://db", {"host": "db"}),
        *((f"postgresql://u:{raw}@db/x", PARTS | {"password": plain}) for raw, plain in (
          ("%40%2F%25%3F%23%3A%20", "@/%?#: "), ("p%C3%A4", "pä"), ("pä", "pä"), ("p#h", "p#h"), ("p:q", "p:q"),
          ("$%7Ba%7D", "${a}"), ("postgres%3A%2F%2F", "postgres://"))),
        ("postgresql://u:@db/x", {"user": "u", "host": "db", "dbname": "x"}),
    ],
    ids=short,
)  # fmt: skip
def test_what_libpq_reads_reaches_the_driver_as_libpq_reads_it(url: str, expected: dict[str, str]) -> None:
    assert arguments(url) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *((f"postgresql://u:{raw}@db/x", "percent-encode") for raw in (f"{HIDDEN}@tail", f"{HIDDEN}/tail",
          f"12/{HIDDEN}", f"%zz{HIDDEN}", f"{HIDDEN}%00", f"{HIDDEN} tail", f"{HIDDEN}?tail", f"head?{HIDDEN}=tail")),
        (f"postgresql://u:{HIDDEN}/x", "no valid port"),
        (f"postgresql://u:{HIDDEN}@db:0/x", "no valid port"),
        (f"postgresql://u:{HIDDEN}@h1:1,h2:65536/x", "no valid port"),
        (f"postgresql://u:{HIDDEN}@h1,h2/x?port=1,2,3", "as many ports as hosts"),
        (f"postgresql://u:{HIDDEN}@db/x?foo=bar", "the option foo, which"),
        (f"postgresql://u:{HIDDEN}@db/x?sslmod=require", "did you mean sslmode?"),
        (f"postgresql://u@db/x?password=a&{HIDDEN}=b", "an option that PostgreSQL's library does not know"),
        (f"postgresql://u:{HIDDEN}@db/x?client_encoding=latin1", "Daypass needs UTF-8"),
        (f"host=db password={HIDDEN}", "must begin with"),
        ("sqlite:///x.db?mode=ro", "takes no options"),
        *((url, "must begin with") for url in ("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/x.db",
          "sqlite+pysqlite:///x.db", "x.db", f"postgresql+psycopg2://u:{HIDDEN}@db/x")),
        ("sqlite:///a%00b", "NUL"),
    ],
    ids=short,
)  # fmt: skip
def test_any_other_is_refused_in_one_line_without_a_part_of_the_password(url: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        engine_url(url)
    assert reason in str(refused.value) and "\n" not in str(refused.value) and HIDDEN not in str(refused.value)
    assert refused.value.__cause__ is None, "the library's own message can hold the password"


def test_a_file_of_sqlite_has_any_name_and_is_relative_to_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for text, path in (
        ("sqlite:///x.db", tmp_path / "x.db"),
        ("sqlite:////srv/daypass.db", Path("/srv/daypass.db")),
        ("sqlite:///a b%20ü%3F%25.db", tmp_path / "a b ü?%.db"),
    ):
        assert make_url(engine_url(text)).database == str(path)
    folder = tmp_path / "100% ?#ü"
    assert make_url(Settings(instance=str(folder)).sqlalchemy_url).database == str(folder / "daypass.db")


def test_options_of_the_server_are_kept_and_daypass_adds_its_own() -> None:
    options = engine_options(engine_url("postgresql://db/x?options=-c%20search_path%3Dd&connect_timeout=60"), 1)
    given = options["connect_args"]
    assert given["options"] == f"-c search_path=d {POSTGRESQL_OPTIONS}"
    assert given["connect_timeout"] == 2
