"""The pages of the API documents: what each operation takes and answers, with an example for curl. For everybody.

Not here: reading a document (``api_reference``), and the documents themselves (``app.http.documents``).
"""

import threading
from functools import cache

from flask import Response, render_template
from markupsafe import Markup, escape

from app.http.context import parts
from app.http.documents import refuse_unknown, refuse_while_off
from app.http.guards import GuardedBlueprint
from app.web.api_reference import Reference, read_reference
from app.web.curl_examples import curl_example
from app.web.guards import VISITOR
from app.web.rendering import base_url, page

documents = GuardedBlueprint("web_documents", __name__, guard=VISITOR, template_folder="templates")
documents.before_request(refuse_while_off)

RENDERING = threading.Lock()

ADDRESS = "https://daypass.invalid"
"""Stands for the address of this instance in what is kept: clients may know it by many names."""


@documents.get("/docs/")
def first_page() -> Response:
    """The page of the first document."""
    return _page(next(iter(parts().documents)))


@documents.get("/docs/<document>/")
def show_document(document: str) -> Response:
    """The page of a document."""
    return _page(document)


def _page(name: str) -> Response:
    known = parts().documents
    refuse_unknown(known, name)
    titles = {each: known.title(each) for each in known}
    body = Markup(_body(name, parts().token_prefix).replace(ADDRESS, escape(base_url())))
    return page("api_document.html", name=name, titles=titles, about=_reference(name).about, body=body)


def _body(name: str, prefix: str) -> str:
    """What of the page is the same for everybody, apart from the address of this instance.

    By one thread: if many wait for the first page, it is rendered once, and none of the others computes.
    """
    with RENDERING:
        return _rendered(name, prefix)


@cache
def _rendered(name: str, prefix: str) -> str:
    reference = _reference(name)
    examples = {
        each.anchor: curl_example(each, ADDRESS, prefix) for group in reference.groups.values() for each in group
    }
    return render_template("api_reference.html", reference=reference, examples=examples)


@cache
def _reference(name: str) -> Reference:
    return read_reference(parts().documents[name])
