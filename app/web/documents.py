"""The pages of the API documents: what each operation takes and answers, with an example for curl. For everybody.

Not here: reading a document (``api_reference``), and the documents themselves (``app.http.documents``).
"""

from functools import lru_cache

from flask import Response, render_template, request
from markupsafe import Markup

from app.http.context import parts
from app.http.documents import refuse_unknown, refuse_while_off
from app.http.guards import GuardedBlueprint
from app.web.api_reference import Reference, read_reference
from app.web.curl_examples import curl_example
from app.web.guards import VISITOR
from app.web.rendering import base_url, page

documents = GuardedBlueprint("web_documents", __name__, guard=VISITOR, template_folder="templates")
documents.before_request(refuse_while_off)


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
    body = _body(name, base_url(), request.script_root, parts().token_prefix)
    return page("api_document.html", name=name, titles=titles, about=_reference(name).about, body=body)


@lru_cache(maxsize=8)
def _body(name: str, url: str, root: str, prefix: str) -> Markup:
    """What of the page is the same for everybody, rendered once under each address: it takes as long as a page."""
    reference = _reference(name)
    examples = {each.anchor: curl_example(each, url, prefix) for group in reference.groups.values() for each in group}
    # Rendered by a template, which escapes what it is given.
    return Markup(render_template("api_reference.html", reference=reference, examples=examples))


@lru_cache(maxsize=8)
def _reference(name: str) -> Reference:
    return read_reference(parts().documents[name])
