"""``/openapi/…`` serves the documents, ``/docs/…`` shows them in Swagger UI, while ``openapi_enabled`` is on.

Not here: generating the documents (``openapi``).
"""

from functools import cache
from html import escape
from importlib.resources import files

from flask import Response, jsonify, request

from app.domain.errors import FeatureOff, NotFound
from app.http.compression import from_memory
from app.http.context import services
from app.http.guards import ANYBODY, GuardedBlueprint
from app.http.openapi import Documents

VIEWER = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}
"""The files of the Swagger UI package that are served."""

OWN = {"docs.css", "docs.js"}

TYPES = {"css": "text/css", "js": "text/javascript", "png": "image/png"}
"""Python's table depends on the machine, and ``nosniff`` forbids browsers to guess."""

FEATURE_OFF = (
    "The API documents are turned off. A server administrator can turn them on: daypass conf openapi_enabled -s on."
)

# Swagger UI uses inline images, and sets styles from its script, which this allows.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Daypass</title>
<link rel="icon" href="{root}/docs/files/favicon-32x32.png">
<link rel="stylesheet" href="{root}/docs/files/swagger-ui.css">
<link rel="stylesheet" href="{root}/docs/files/docs.css">
</head>
<body>
<nav aria-label="Documents">{links}</nav>
<main id="document" data-url="{root}/openapi/{name}/"><noscript>
<p>This page needs JavaScript. The document itself does not:
<a href="{root}/openapi/{name}/">{root}/openapi/{name}/</a></p>
</noscript></main>
<script src="{root}/docs/files/swagger-ui-bundle.js"></script>
<script src="{root}/docs/files/docs.js"></script>
</body>
</html>
"""


def documents_blueprint(documents: Documents) -> GuardedBlueprint:
    """Routes for these documents, by name."""
    blueprint = GuardedBlueprint("documents", __name__, guard=ANYBODY)
    blueprint.before_request(refuse_while_off)

    @cache
    def text(name: str) -> bytes:
        """Written once: anybody may ask, and it takes as long as a hundred checks."""
        return jsonify(documents[name]).get_data()

    @blueprint.get("/openapi/<name>/")
    def openapi(name: str) -> Response:
        """The document."""
        _refuse_unknown(documents, name)
        return from_memory(text(name), "application/json")

    @blueprint.get("/docs/")
    def first_page() -> Response:
        """The page of the first document."""
        return _page(documents, next(iter(documents)))

    @blueprint.get("/docs/<name>/")
    def page(name: str) -> Response:
        """The page that shows a document."""
        return _page(documents, name)

    @blueprint.get("/docs/files/<name>")
    def file(name: str) -> Response:
        """A file of the pages."""
        if name not in VIEWER | OWN:
            raise NotFound("file")
        answer = Response(_content(name), mimetype=TYPES[name.rpartition(".")[2]])
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return answer

    return blueprint


@cache
def _content(name: str) -> bytes:
    """One in memory, however many are being sent."""
    folder = files("swagger_ui") if name in VIEWER else files("app.http")
    return (folder / "static" / name).read_bytes()


def refuse_while_off() -> None:
    """Refuse with FeatureOff while ``openapi_enabled`` is off."""
    if not services().instance_settings.policy().openapi_enabled:
        raise FeatureOff(FEATURE_OFF)


def _refuse_unknown(documents: Documents, name: str) -> None:
    if name not in documents:
        raise NotFound("document")


def _page(documents: Documents, name: str) -> Response:
    _refuse_unknown(documents, name)
    title = documents.title(name)
    links = "".join(_link(each, documents.title(each), each == name) for each in documents)
    content = PAGE.format(title=escape(title), name=escape(name), links=links, root=escape(request.script_root))
    answer = Response(content, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _link(name: str, title: str, is_here: bool) -> str:
    here = ' aria-current="page"' if is_here else ""
    return f'<a href="{escape(request.script_root)}/docs/{escape(name)}/"{here}>{escape(title)}</a>'
