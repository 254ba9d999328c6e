"""Filling in a form of a page: every kind of field, only in that form, and nothing that must be typed again."""

from app.web.filling_in import fill_in

NOTE = "<i>note</i>"


def filled(fields: str, **values: str) -> str:
    """The fields of the one form of a page."""
    page = f'<h1>Ü</h1>\n<form method="post" action="/a">{fields}</form>\n'
    before, after = f'<h1>Ü</h1>\n<form method="post" action="/a">{NOTE}', "</form>\n"
    found = fill_in(page, "/a", values, NOTE)
    assert found.startswith(before) and found.endswith(after)
    return found[len(before) : -len(after)]


def test_what_a_person_types_or_chooses_is_filled_in() -> None:
    assert filled('<input name="q">', q='a "b" <i>&') == '<input name="q" value="a &#34;b&#34; &lt;i&gt;&amp;">'
    assert filled('<input name="q" value="x&amp;y" required>', q="z") == '<input name="q" value="z" required>'
    assert filled("<textarea name=q>\nold</textarea><p>", q="<new>") == "<textarea name=q>\n&lt;new&gt;</textarea><p>"
    box = '<input type="checkbox" name="c"{}>'
    assert filled(box.format(""), c="on") == box.format(" checked")
    assert filled(box.format(" checked"), q="x") == box.format("")
    radio = '<input type="radio" name="r" value="{}"{}>'
    assert filled(radio.format(1, " checked") + radio.format(2, ""), r="2") == radio.format(1, "") + radio.format(
        2, " checked"
    )
    options = '<select name="s"><option value="a"{}>A</option><option value="b"{}>B</option></select>'
    assert filled(options.format(" selected", ""), s="b") == options.format("", " selected")


def test_what_is_private_hidden_or_a_button_keeps_what_it_has() -> None:
    for kind in ("password", "hidden", "submit", "file"):
        field = f'<input type="{kind}" name="q" value="1">'
        assert filled(field, q="2") == field
    assert filled('<textarea name="q" readonly>1</textarea>', q="2") == '<textarea name="q" readonly>1</textarea>'


def test_only_the_form_that_was_sent_is_filled_in() -> None:
    """◆ Of several with one address, the one that has the fields; a field elsewhere belongs to it by its id."""
    page = (
        '<form method="get" action="/a"><input name="q"></form><form method="post" action="/b"><input name="q"></form>'
        '<form method="post" action="/a/?x=1"><input name="p"></form><input name="r" form="f">'
        '<form method="post" action="/a" id="f"><input name="q"></form>'
    )
    expected = page.replace('<input name="r" form="f">', '<input name="r" form="f" value="2">')
    expected = expected.replace('id="f"><input name="q">', f'id="f">{NOTE}<input name="q" value="1">')
    assert fill_in(page, "/a", {"q": "1", "r": "2"}, NOTE) == expected
    assert fill_in(page, "/c", {"q": "1"}, NOTE) == page
