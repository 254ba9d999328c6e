"""The database URL: libpq's own rules for PostgreSQL, one path for SQLite, and the form that SQLAlchemy reads.

Functions raise :class:`ValueError` with a message of one line, without any part of a password. PostgreSQL's rules:
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
"""

import difflib
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

POSTGRESQL = re.compile(r"postgres(ql)?(\+psycopg)?://")
SQLITE = "sqlite:///"

BEGINNING = "must begin with postgresql:// or sqlite:///, the latter with a path"
ENCODE = "in a user name or password, percent-encode @ as %40, / as %2F and % as %25"

REFUSED_OPTIONS = {"client_encoding": "Daypass needs UTF-8", "replication": "Daypass needs a normal connection"}


def sqlite_url(path: Path) -> str:
    """The URL of a file."""
    return SQLITE + quote(str(path.absolute()), safe="/")


def engine_url(text: str) -> str:
    """The URL for SQLAlchemy, with psycopg 3 for PostgreSQL."""
    if POSTGRESQL.match(text):
        return _postgresql(POSTGRESQL.sub("postgresql://", text, count=1))
    if not text.startswith(SQLITE):
        raise ValueError(BEGINNING)
    path, question_mark, _ = text.removeprefix(SQLITE).partition("?")
    if question_mark:
        raise ValueError("takes no options for SQLite: remove the question mark and what follows")
    # SQLite in memory is a separate database for each connection.
    if path in ("", "/", ":memory:"):
        raise ValueError(BEGINNING)
    if "\0" in unquote(path):
        raise ValueError("names a file with a NUL in its path")
    # Relative to the working folder, as the instance folder is; Flask-SQLAlchemy has a rule of its own.
    return sqlite_url(Path(unquote(path)))


def _postgresql(text: str) -> str:
    from psycopg.conninfo import conninfo_to_dict  # large, and not needed for SQLite
    from psycopg.errors import ProgrammingError

    before, _, query = text.partition("?")
    if before.count("@") > 1 or re.search(r"://[^/]*/.*@", before):
        raise ValueError(f"has an @ or a slash in the wrong place: {ENCODE}")
    _refuse_unknown_options(before, query)
    try:
        found = {name: str(value) for name, value in conninfo_to_dict(text).items()}
    except (ProgrammingError, UnicodeError):  # its message can hold a part of the password
        raise ValueError(f"can't be read: {ENCODE}, and a space as %20") from None
    ports = found.get("port", "").split(",")
    if any(port and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536) for port in ports):
        raise ValueError(f"has no valid port; {ENCODE}")
    if len(ports) not in (1, len(found.get("host", "").split(","))):
        raise ValueError("must have one port, or as many ports as hosts")
    return _render(found)


def _refuse_unknown_options(before: str, query: str) -> None:
    from psycopg import pq

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {"ssl"}
    for pair in query.split("&") if query else ():
        name = unquote(pair.partition("=")[0])
        if name in REFUSED_OPTIONS:
            raise ValueError(f"sets {name}: remove it, {REFUSED_OPTIONS[name]}")
        if name in known:
            continue
        if "@" in query or "password" in query or not re.fullmatch(r"\w{1,40}", name, re.ASCII):
            raise ValueError(f"has an option that PostgreSQL's library does not know; {ENCODE}, & as %26 and ? as %3F")
        near = difflib.get_close_matches(name, known, n=1)
        raise ValueError(
            f"has the option {name}, which PostgreSQL's library does not know: "
            + (f"did you mean {near[0]}?" if near else "remove it")
        )


def _render(found: dict[str, str]) -> str:
    """The URL with SQLAlchemy's escapes. Several hosts and the folders of sockets are in its query."""
    user, password, host, port = (found.pop(name, "") for name in ("user", "password", "host", "port"))
    place = ""
    if user or password:
        place = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@"
    if re.fullmatch(r"[\w.-]+", host, re.ASCII):
        place += host + (f":{port}" if port else "")
    elif ":" in host and "," not in host and "/" not in host:
        place += f"[{host}]" + (f":{port}" if port else "")
    else:
        found |= {name: value for name, value in (("host", host), ("port", port)) if value}
    database = quote(found.pop("dbname", ""), safe="")
    query = urlencode(dict(sorted(found.items())))
    return f"postgresql+psycopg://{place}/{database}" + (f"?{query}" if query else "")
