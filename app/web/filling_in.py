"""Filling in one form of a page that is rendered: its fields get values, whichever template they are from.

A password, a hidden field and a button keep what they have. Not here: which values (``kept_forms``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from markupsafe import escape

Attributes = dict[str, str | None]

LEFT_ALONE = ("hidden", "password", "submit", "button", "image", "reset", "file")
"""The types of inputs that nobody types into, or that must be typed again."""

FIELDS = ("input", "select", "textarea", "button")


@dataclass
class _Tag:
    """A start tag. `end`: where it ends; `closed_at`: where its end tag begins; `owner`: the id of its form."""

    name: str
    attributes: Attributes
    start: int
    end: int
    form: "_Tag | None"
    select: "_Tag | None" = None
    closed_at: int = 0

    @property
    def label(self) -> str:
        return self.attributes.get("name") or ""

    @property
    def kind(self) -> str:
        return (self.attributes.get("type") or "text").lower()


class _Tags(HTMLParser):
    """Where the forms of a page and their fields stand."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=False)
        self.tags: list[_Tag] = []
        self._lines = [0]
        for line in html.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._form: _Tag | None = None
        self._select: _Tag | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("form", "option", *FIELDS):
            return
        start = self._position()
        end = start + len(self.get_starttag_text() or "")
        found = _Tag(tag, dict(attrs), start, end, self._form, self._select)
        self.tags.append(found)
        if tag == "form":
            self._form = found
        elif tag == "select":
            self._select = found

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self.tags[-1].closed_at = self._position()

    def _position(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def fill_in(html: str, action: str, values: Mapping[str, str], note: str) -> str:
    """The page with `values` in its form that posts to `action`, and `note` (HTML) at the beginning of that form.

    Of several, it is the first that has all the fields. Unchanged where there is none.
    """
    tags = _Tags(html).tags
    forms = {id(tag): tag for tag in tags if tag.name == "form" and _posts_to(tag, action)}
    fields = {key: [tag for tag in tags if _belongs_to(tag, form)] for key, form in forms.items()}
    complete = [key for key, own in fields.items() if set(values) <= {tag.label for tag in own}]
    if not forms:
        return html
    key = (complete or list(forms))[0]
    edits = [(forms[key].end, forms[key].end, note)]
    for tag in fields[key]:
        edits += _edits(tag, values)
    for start, end, text in sorted(edits, reverse=True):
        html = html[:start] + text + html[end:]
    return html


def _posts_to(form: _Tag, action: str) -> bool:
    address = (form.attributes.get("action") or "").partition("?")[0]
    return (form.attributes.get("method") or "").lower() == "post" and address.rstrip("/") == action.rstrip("/")


def _belongs_to(tag: _Tag, form: _Tag) -> bool:
    """Inside it, or by its ``form`` attribute."""
    if tag.name == "form":
        return False
    owner = tag.attributes.get("form")
    return tag.form is form if owner is None else owner == form.attributes.get("id")


def _edits(tag: _Tag, values: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """What to replace: start, end, and the text there."""
    attributes = dict(tag.attributes)
    if tag.name == "textarea" and tag.label in values and "readonly" not in attributes:
        return [(tag.end, tag.closed_at, f"\n{escape(values[tag.label])}")]
    if tag.name == "option" and tag.select is not None and tag.select.label in values:
        _set(attributes, "selected", values[tag.select.label] == attributes.get("value"))
    elif tag.name == "input" and tag.kind == "checkbox":
        _set(attributes, "checked", values.get(tag.label) == (attributes.get("value") or "on"))
    elif tag.name == "input" and tag.kind == "radio" and tag.label in values:
        _set(attributes, "checked", values[tag.label] == attributes.get("value"))
    elif tag.name == "input" and tag.kind not in (*LEFT_ALONE, "checkbox", "radio") and tag.label in values:
        attributes["value"] = values[tag.label]
    return [] if attributes == tag.attributes else [(tag.start, tag.end, _written(tag.name, attributes))]


def _set(attributes: Attributes, name: str, is_set: bool) -> None:
    if is_set:
        attributes[name] = None
    else:
        attributes.pop(name, None)


def _written(name: str, attributes: Attributes) -> str:
    words = [each if value is None else f'{each}="{escape(value)}"' for each, value in attributes.items()]
    return f"<{' '.join([name, *words])}>"
