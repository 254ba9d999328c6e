"""Strict bodies: :mod:`app.http.body`, with any bytes at all, and with a server that states no length."""

import io
import threading
from collections.abc import Callable
from itertools import product
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qsl

import pytest
from flask import Flask, Request
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.test import EnvironBuilder

from app.domain.errors import BadRequest, Unavailable
from app.http.body import FORM, JSON, LARGEST_BODY, MOST_FIELDS, BodyReader, parse_form, parse_json

FLASK = Flask(__name__)
FLASK.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY


def read(reader: BodyReader, data: bytes, content_type: str = JSON, length: int | None = None) -> dict[str, Any]:
    """What `reader` makes of a request; `length`: what the client claims, None for a body in chunks."""
    return read_stream(reader, io.BytesIO(data), content_type, length)


def read_stream(reader: BodyReader, stream: Any, content_type: str, length: int | None) -> dict[str, Any]:
    environ = EnvironBuilder(method="POST", content_type=content_type).get_environ()
    environ |= {"wsgi.input": stream, "wsgi.input_terminated": True}
    environ.pop("CONTENT_LENGTH", None)
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    with FLASK.app_context():
        return reader.read(Request(environ))


@pytest.fixture
def reader() -> BodyReader:
    return BodyReader(1)


PIECES = ['"', "{", "}", "[", "]", ":", ",", "\\u", "d800", "1", "e9", "-", " ", "a"]

near_json = st.lists(st.sampled_from(PIECES), max_size=40).map(lambda pieces: "".join(pieces).encode())


@given(st.binary(max_size=200) | near_json)
def test_any_bytes_are_a_json_object_or_a_bad_request(raw: bytes) -> None:
    try:
        assert isinstance(parse_json(raw), dict)
    except BadRequest as refusal:
        assert refusal.fields == {}


near_form = st.lists(st.sampled_from(["a", "b", "=", "&", "é", ";", " ", "%C3%A9", "+", "%", "=="]), max_size=12)


@given(near_form.map("".join))
def test_a_form_is_what_the_standard_library_makes_of_it_but_for_names_that_come_twice(form: str) -> None:
    """With and without escapes. Fails when one without them is taken apart in another way."""
    try:
        pairs = parse_qsl(form, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        pairs = [("not", "UTF-8")] * 2
    if len(dict(pairs)) == len(pairs):
        assert parse_form(form.encode()) == dict(pairs)
    else:
        with pytest.raises(BadRequest):
            parse_form(form.encode())


@pytest.mark.parametrize("escape", ["", "&%20"])
def test_a_form_has_so_many_fields_at_most(escape: str) -> None:
    fields = "&".join(f"f{number}" for number in range(MOST_FIELDS - escape.count("&"))) + escape
    assert len(parse_form(fields.encode())) == MOST_FIELDS
    with pytest.raises(BadRequest):
        parse_form(f"{fields}&another".encode())


@settings(max_examples=30)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_multipart_or_refused(raw: bytes) -> None:
    multipart = "multipart/form-data; boundary=b"
    for data, kind in ((raw, FORM), (raw, multipart), (b"--b\r\n" + raw + b"\r\n--b--\r\n", multipart)):
        try:
            found = read(BodyReader(1), data, kind, len(data))
            assert all(isinstance(value, str) for value in found.values())
        except BadRequest as refusal:
            assert refusal.fields == {}
        except RequestEntityTooLarge:
            assert kind == multipart


def test_no_body_has_no_members_and_one_of_another_kind_is_unsupported(reader: BodyReader) -> None:
    assert read(reader, b"", "", 0) == {}
    assert read(reader, b"", "text/plain", 0) == {}
    with pytest.raises(UnsupportedMediaType):
        read(reader, b"x", "text/plain", 1)


def test_a_body_that_is_shorter_than_it_claims_is_refused(reader: BodyReader) -> None:
    """Fails when the length is not compared: the members were taken for the whole body."""
    with pytest.raises(BadRequest):
        read(reader, b'{"a": 1}', length=100)
    with pytest.raises(BadRequest):
        read(reader, b"name=cut-sh", FORM, length=20)


def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_so(reader: BodyReader) -> None:
    """Fails without the limit in `_receive`: of a body in chunks, the first 16 KiB were obeyed."""
    largest = b"a=1&b=" + b"x" * (LARGEST_BODY - 6)
    assert read(reader, largest, FORM)["a"] == "1"
    for more, length in product((1, 2, 9 * LARGEST_BODY), (None, LARGEST_BODY + 1)):
        with pytest.raises(RequestEntityTooLarge):
            read(reader, largest + b"x" * more, FORM, length)


class Connection(io.RawIOBase):
    """A connection from which `receive` gets nothing."""

    def __init__(self, receive: Callable[[], object]) -> None:
        self._receive = receive

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        self._receive()
        return 0


def test_a_connection_that_breaks_is_a_bad_request(reader: BodyReader) -> None:
    broken = Connection(Mock(side_effect=OSError("connection reset by peer")))
    for length in (10, None):
        with pytest.raises(BadRequest):
            read_stream(reader, broken, JSON, length)
    assert read(reader, b"{}") == {}, "its place was given back"


def test_while_all_places_are_taken_a_body_is_unavailable_and_then_read_again(reader: BodyReader) -> None:
    is_read, may_come = threading.Event(), threading.Event()
    slow = Connection(lambda: is_read.set() or may_come.wait(60))
    thread = threading.Thread(target=lambda: read_stream(reader, slow, FORM, None))
    thread.start()
    try:
        assert is_read.wait(60)
        with pytest.raises(Unavailable) as refused:
            read(reader, b"{}")
        assert refused.value.retry_after == 1
    finally:
        may_come.set()
        thread.join(60)
    assert read(reader, b"{}") == {}
