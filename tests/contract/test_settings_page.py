"""The page of the settings: a control for each, the preview of a change, and what a change says afterwards."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from app.domain.identity import Role
from app.domain.policy import INSTANCE_SETTINGS
from app.domain.setting import ON_OFF, Group
from app.domain.setting import Setting as Declared
from app.services import Services
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import Form, Pages, page, words

PATH = "/admin/settings"


@pytest.fixture(scope="module")
def login(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


@pytest.fixture
def admin(login: Somebody) -> Pages:
    """Their browser, with the form token of a page just read."""
    login.pages.get("/account/password")
    return login.pages


def form_of(shown: Any, key: str, method: str) -> Form:
    """The form of a setting: to preview (get) or to save (post)."""
    address = f"{PATH}/{key}#{key}"
    return next(each for each in page(shown).forms if (each.action, each.method) == (address, method))


def preview(admin: Pages, key: str, **entered: str) -> Any:
    return admin.get(f"{PATH}/{key}?{urlencode(entered)}")


def test_each_setting_stands_in_its_group_with_its_label_its_effect_and_its_key(admin: Pages) -> None:
    shown = words(admin.get(PATH))
    places = [shown.index(f"{group.title} {group.note}") for group in Group]
    assert places == sorted(places)
    for each in INSTANCE_SETTINGS:
        place = shown.index(f"{each.label} Changed {each.help} {f'{each.span} ' if each.span else ''}{each.key}")
        assert [group for group, at in zip(Group, places, strict=True) if at < place][-1] is each.group


def control_of(declared: Declared[Any]) -> dict[str, str]:
    if declared.choices == ON_OFF:
        return {"type": "checkbox", "role": "switch"}
    if declared.choices:
        return {"name": "value"}
    low = "-1" if declared.may_be_unlimited else str(declared.low)
    return {"type": "number", "min": low, "max": str(declared.high), "value": declared.default}


def test_each_setting_has_the_control_of_its_kind(admin: Pages) -> None:
    shown = page(admin.get(PATH))
    for each in INSTANCE_SETTINGS:
        (tag, found), *others = [found for found in shown.tags if found[1].get("id") == f"{each.key}-value"]
        expected = control_of(each)
        assert not others and tag == ("select" if each.choices and not each.is_switch else "input"), each.key
        assert {name: found.get(name) for name in expected} == expected, each.key
        assert ("checked" in found) == (each.is_switch and each.default == "on"), each.key


def test_a_setting_is_changed_after_its_preview_in_its_place(
    services: Services, admin: Pages, login: Somebody, setting: Setting, clock: MovableClock
) -> None:
    key = "access_token_lifespan"
    with setting(**{key: "24"}):
        before = preview(admin, key, value="12")
        assert "24 hours → 12 hours. " in words(before) and "An access token requested now expires on" in words(before)
        assert services.instance_settings.get(key).value == "24"
        form = form_of(before, key, "post")
        done = admin.post(f"{PATH}/{key}", form.fields)
        assert done.headers["Location"] == f"{PATH}?done={key}#{key}"
        with clock.later(minutes=5):
            after = words(admin.get(f"{PATH}?done={key}"))
        assert "Access token lifetime: changed from 24 hours to 12 hours, effective for new tokens." in after
        assert f"{key} · Default: 24 hours · Changed by {login.user.username} 5 minutes ago" in after
        assert "This is the current value." in words(preview(admin, key, value="12"))


def test_a_change_whose_audit_event_is_gone_says_what_holds_now(
    services: Services, admin: Pages, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.settings.before_last_change", lambda session, key: None)
    with setting(audit_days="365"):
        assert "Keep audit events: 365 days, effective at the next purge." in words(
            admin.get(f"{PATH}?done=audit_days")
        )
    assert "effective" not in words(admin.get(f"{PATH}?done=mints_per_hour")), "nobody changed it"


def test_a_switch_that_is_turned_off_is_sent_by_the_field_beside_it(services: Services, admin: Pages) -> None:
    """Browsers send nothing for a checkbox that is not checked."""
    key = "password_api_enabled"
    off = preview(admin, key, switch="1")
    assert "on → off. Affects " in words(off) and form_of(off, key, "post").fields["value"] == "off"
    assert "This is the current value." in words(preview(admin, key, switch="1", value="on"))
    assert "→" not in words(preview(admin, key)), "no value: only the place"
    assert admin.post(f"{PATH}/{key}", {}).status_code == 400
    assert services.instance_settings.get(key).value == "on"


def test_a_choice_is_shown_by_its_label(admin: Pages) -> None:
    shown = words(preview(admin, "access_token_reissue", value="reuse"))
    assert "Replace it → Return it again." in shown


def test_no_form_that_goes_into_an_address_holds_the_form_token(admin: Pages) -> None:
    """◆ Addresses are logged, and stay in the history of browsers."""
    shown = page(preview(admin, "retention_days", value="5"))
    assert {each.method for each in shown.forms if "form_token" in each.fields} == {"post"}
    assert len([each for each in shown.forms if each.method == "get"]) == len(INSTANCE_SETTINGS)


def test_a_value_out_of_bounds_is_refused_at_the_field_of_every_setting(admin: Pages) -> None:
    for each in INSTANCE_SETTINGS:
        path = f"{PATH}/{each.key}"
        for answer in (preview(admin, each.key, value="-2"), admin.post(path, {"value": "\0"})):
            assert (answer.status_code, f"{each.key} must be" in words(answer)) == (400, True), each.key
            described = re.search(rf'id="{each.key}-value"[^>]*aria-describedby="([^"]+)"', answer.text)
            assert described is not None and f"{each.key}-value-error" in described[1].split(), each.key


def test_what_the_page_says_of_time_is_what_the_declarations_say(admin: Pages) -> None:
    """One statement for all. Fails when a setting takes effect at another time than it tells."""
    shown = words(admin.get(PATH))
    assert "A change takes effect at once, on every worker." in shown
    assert {str(each.effective) for each in INSTANCE_SETTINGS} == {
        "for new tokens", "at once", "at the next request", "at the next purge", "at the next rotation",
    }  # fmt: skip
