"""An OpenAPI document in the terms of its page: operations by group, their parameters, bodies and answers, and schemas.

It reads what flask-smorest writes for this product's APIs (``app.http.openapi``), not every document.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Node = dict[str, Any]

CREDENTIALS = {
    "token": "an access token, as TOKEN",
    "bearer": "an access token, as Authorization: Bearer",
    "basic": "user name and password, as Authorization: Basic",
    "client": "client id and secret, as Authorization: Basic or in the form",
}
"""The ways to authenticate, by their names in ``app.http.openapi.SCHEMES``."""

WAYS = {"path": "in the path", "query": "in the query", "header": "as a header"}


@dataclass(frozen=True)
class Member:
    """A parameter, or a member of a schema. `schema`: the name of one that it refers to, or "". `way`: "" in a body."""

    name: str
    kind: str
    is_required: bool
    about: str
    schema: str = ""
    way: str = ""


@dataclass(frozen=True)
class Answer:
    """`about`: when; the name of the status, mostly. `schema`: of the body, by name; "" without one."""

    status: str
    about: str
    media_type: str
    schema: str


@dataclass(frozen=True)
class Operation:
    """A method of a path. `body`: the members of what is sent; `media_type`: "" without one."""

    method: str
    path: str
    summary: str
    about: str
    credentials: list[str]
    parameters: list[Member]
    media_type: str
    body: list[Member]
    answers: list[Answer]
    errors: list[Answer]
    schemes: list[str] = field(default_factory=list)
    schema: Node = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Its name in the address of the page."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.method} {self.path}".lower()).strip("-")


@dataclass(frozen=True)
class Reference:
    """What a page shows. `groups`: operations by the title of their group; `schemas`: members by name."""

    title: str
    about: str
    groups: dict[str, list[Operation]]
    schemas: dict[str, list[Member]]


def read_reference(document: Node) -> Reference:
    """The page of a document."""
    schemas = document["components"]["schemas"]
    groups: dict[str, list[Operation]] = {}
    for operation, tag in _operations(document["paths"], schemas):
        groups.setdefault(tag, []).append(operation)
    members = {name: _members(schema, schemas) for name, schema in sorted(schemas.items())}
    return Reference(document["info"]["title"], document["info"]["description"], groups, members)


def _operations(paths: Node, schemas: Node) -> Iterator[tuple[Operation, str]]:
    for path, methods in paths.items():
        shared = methods.get("parameters", [])
        for method, written in methods.items():
            if method != "parameters":
                yield _operation(method.upper(), path, written, shared, schemas), written["tags"][0]


def _operation(method: str, path: str, written: Node, shared: list[Node], schemas: Node) -> Operation:
    media_type, body = _content(written.get("requestBody", {}))
    schema = _resolved(body, schemas)
    answers = [_answer(status, each) for status, each in sorted(written["responses"].items())]
    schemes = [scheme for each in written["security"] for scheme in each]
    return Operation(
        method,
        path,
        _plain(written["summary"]),
        _plain(written.get("description", "")),
        [CREDENTIALS[each] for each in schemes],
        [_parameter(each) for each in (*shared, *written.get("parameters", []))],
        media_type,
        _members(schema, schemas),
        [each for each in answers if each.status < "400"],
        [each for each in answers if each.status >= "400"],
        schemes,
        schema,
    )


def _answer(status: str, written: Node) -> Answer:
    media_type, schema = _content(written)
    return Answer(status, written["description"], media_type, _name(schema))


def _content(written: Node) -> tuple[str, Node]:
    """The media type and the schema of a body; of what comes without one, an empty type."""
    return next(((kind, each["schema"]) for kind, each in written.get("content", {}).items()), ("", {}))


def _parameter(written: Node) -> Member:
    schema, way = written["schema"], WAYS[written["in"]]
    return Member(written["name"], _kind(schema), written.get("required", False), _about(written), way=way)


def _members(schema: Node, schemas: Node) -> list[Member]:
    required = schema.get("required", [])
    return [
        Member(name, _kind(each), name in required, _about(each), _name(_element(each)))
        for name, each in _resolved(schema, schemas).get("properties", {}).items()
    ]


def _resolved(schema: Node, schemas: Node) -> Node:
    name = _name(schema)
    return schemas[name] if name else schema


def _element(schema: Node) -> Node:
    """What of a schema has a name: that of a list's items, or the one beside null."""
    items: Node = schema.get("items", schema)
    return next((each for each in items.get("anyOf", []) if "$ref" in each), items)


def _name(schema: Node) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: Node) -> str:
    """In words, such as "string, date and time, or null"; "" where a name says it."""
    if schema.get("type") == "array":
        return "list"
    types = [schema.get("type", "")] if isinstance(schema.get("type", ""), str) else list(schema["type"])
    may_be_null = "null" in types or None in schema.get("enum", []) or {"type": "null"} in schema.get("anyOf", [])
    words = [" or ".join(each for each in types if each not in ("null", ""))]
    words += {"date-time": ["date and time"], "uuid": ["UUID"]}.get(schema.get("format", ""), [])
    chosen = [str(each) for each in schema.get("enum", []) if each is not None]
    words += [f"one of {', '.join(chosen)}"] if chosen else []
    known = [each for each in (*words, *_bounds(schema), "or null" if may_be_null else "") if each]
    return ", ".join(known) or ("" if _name(_element(schema)) else "anything")


def _bounds(schema: Node) -> Iterator[str]:
    if schema.get("maxLength"):
        yield f"{schema.get('minLength', 0) or 'up'} to {schema['maxLength']} characters"
    if "maximum" in schema and "minimum" in schema:
        yield f"{schema['minimum']:,} to {schema['maximum']:,}"


def _about(written: Node) -> str:
    """The description, and the default where there is one."""
    default = written.get("schema", written).get("default")
    word = default if isinstance(default, str) else json.dumps(default)
    said = "" if default in (None, "") else f"By default {word}."
    return f"{_plain(written.get('description', ''))} {said}".strip()


def _plain(text: str) -> str:
    """Without the marks of code in docstrings."""
    return text.replace("`", "")
