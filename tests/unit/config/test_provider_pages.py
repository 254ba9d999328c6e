"""The settings that the pages of ``docs/`` show for single sign-on are accepted, and name what else the page names."""

import re
from pathlib import Path

import pytest

from config.oidc import read_providers
from tests.drivers.documents import PAGES

SHOWN = re.compile(r"^(DAYPASS_OIDC_\w+)=(.*)$", re.MULTILINE)

SHOWING = [page for page in PAGES if SHOWN.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", SHOWING, ids=lambda page: page.name)
def test_the_settings_of_a_page_are_accepted_and_its_redirect_uri_is_that_of_the_provider(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text(encoding="utf-8")
    for name, value in SHOWN.findall(text):
        if name.endswith("_FILE"):
            (tmp_path / "secret").write_text("of the client")
            value = str(tmp_path / "secret")
        monkeypatch.setenv(name, value)
    (provider,) = read_providers()
    assert provider.client_secret == "of the client"
    assert f"/login/oidc/{provider.name}/callback`" in text or "/login/oidc/<name>/callback`" in text


def test_four_pages_show_settings() -> None:
    assert {"keycloak.md", "entra-id.md", "okta.md", "google.md"} <= {page.name for page in SHOWING}
