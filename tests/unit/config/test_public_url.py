"""The one spelling of ``DAYPASS_PUBLIC_URL``, and what is refused: :func:`config.public_url.normalized_url`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.public_url import normalized_url


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        *((text, "https://tools.example.com/daypass") for text in ("https://tools.example.com/daypass",
          "https://tools.example.com/daypass/", "https://tools.example.com/daypass//", "HTTPS://Tools.Example.com/daypass",
          "https://tools.example.com:443/daypass/")),
        *((text, "http://127.0.0.1:8080") for text in ("http://127.0.0.1:8080", "http://127.0.0.1:8080/")),
        ("https://tools/Team-1/day_pass~2.x", "https://tools/Team-1/day_pass~2.x"),
        ("http://tools:443/", "http://tools:443"),
        ("http://[2001:DB8:0::1]:8080/x/", "http://[2001:db8::1]:8080/x"),
        ("https://xn--umstze-dua.example/", "https://xn--umstze-dua.example"),
        ("https://day_pass.example/", "https://day_pass.example"),  # names of containers
    ],
)  # fmt: skip
def test_an_address_has_one_spelling(text: str, normal: str) -> None:
    assert normalized_url(text) == normal
    assert normalized_url(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "tools.example.com", "tools.example.com/x", "//tools.example.com", "/daypass", "ftp://tools", "https://",
        "https:///daypass", "https:tools", "https://u@tools", "https://u:p@tools/", "https://tools?x", "https://tools?",
        "https://tools/#x", "https://tools/x#", "https://tools:", "https://tools:0", "https://tools:65536",
        "https://tools:8o", "https://too ls", " https://tools", "https://tools ", "https://tools\n", "https://tööls",
        "https://tools/ü", "https://tools/%2e", "https://tools/a%20b", "https://tools/a//b", "https://tools/../x",
        "https://tools/./x", "https://tools/a;b", "https://tools/a:b", "https://tools/a,b", "https://tools/a\\b",
        "https://tools/'", 'https://tools/"', "https://tools/<x>", "https://tools/{x}", "https://-tools",
        "https://tools.", "https://a..b", "https://[::1", "https://[fe80::1%eth0]", "https://[tools]", "https://*.x",
        "https://" + "a" * 64, "https://a,b", "https://tools:80:80",
    ],
)  # fmt: skip
def test_what_browsers_proxies_or_cookies_could_read_in_another_way_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(has|is|must) "):
        normalized_url(text)


@given(st.text(alphabet="htps:/.[]@?#%-_~aZ0é\\ ", max_size=30))
def test_whatever_is_set_it_is_normal_or_refused_in_one_line(text: str) -> None:
    try:
        assert normalized_url(normalized_url(text)) == normalized_url(text)
    except ValueError as error:
        assert "\n" not in str(error)
