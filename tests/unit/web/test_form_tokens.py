"""The form token under the pad of one response."""

from app.web.form_tokens import padded, unpadded

TOKEN = "0123456789abcdef" * 4


def test_each_response_has_another_text_of_the_same_token() -> None:
    """Fails when the pad is the same for all, or leaves a part of the token as it is."""
    shown = [padded(TOKEN) for _ in range(100)]
    assert {unpadded(each) for each in shown} == {TOKEN}
    halves = {each[start : start + 64] for each in shown for start in (0, 64)}
    assert len(halves) == 200 and TOKEN not in halves
    assert {len(each) for each in shown} == {128}, "nor does the length tell anything"


def test_any_other_text_is_no_token() -> None:
    for text in ("", "0", "00", "000", TOKEN[:-1], "zz" * 64, TOKEN.upper(), f"{TOKEN * 2} ", "é" * 64, "00" * 300):
        assert unpadded(text) != TOKEN, text
    assert unpadded("") == unpadded("0" * 6) == unpadded("x" * 64) == ""
    assert unpadded(TOKEN) != TOKEN, "the token as it is, is under no pad"
