"""``make sbom``: the bill of materials lists what is pinned for a server, and is valid, the same each time."""

import json
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cyclonedx import schema

from requirements.sbom import PINS, bill_of_materials, read_pins

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = resources.files(schema) / "_res"


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return bill_of_materials()


def shipped_schema(name: str) -> tuple[str, dict[str, Any]]:
    """Its address, as the others name it, and itself."""
    file = f"{name}.SNAPSHOT.schema.json"
    return f"http://cyclonedx.org/schema/{file}", json.loads((SCHEMAS / file).read_text(encoding="utf-8"))


def test_it_lists_exactly_the_pins_of_a_server_with_their_hashes(bill: dict[str, Any]) -> None:
    """◆ Fails when a pin is left out, and when the pins are those of `requirements/dev.txt`."""
    text = PINS.read_text(encoding="utf-8")
    assert PINS == ROOT / "requirements/run.txt"
    pinned = re.findall(r"^([a-z0-9.-]+)(?:\[.*?\])?==([^\s;]+)", text, re.MULTILINE)
    assert [(each["name"], each["version"]) for each in bill["components"]] == pinned and len(pinned) > 20
    assert [each["purl"] for each in bill["components"]] == [f"pkg:pypi/{name}@{version}" for name, version in pinned]
    hashes = [each["content"] for component in bill["components"] for each in component["hashes"]]
    assert hashes == re.findall(r"--hash=sha256:(\w+)", text)
    markers = re.findall(r" ; (.+) \\$", text, re.MULTILINE)
    assert [each["value"] for one in bill["components"] for each in one.get("properties", [])] == markers != []


def test_it_is_valid_by_the_schema_of_cyclonedx(bill: dict[str, Any]) -> None:
    """Fails when a component lacks its name, and with a licence that SPDX does not know."""
    rules = jsonschema_rs.validator_for(
        shipped_schema(f"bom-{bill['specVersion']}")[1],
        registry=jsonschema_rs.Registry([shipped_schema("spdx"), shipped_schema("jsf-0.82")]),
    )
    assert [str(error) for error in rules.iter_errors(bill)] == []
    broken = bill | {"components": [{"type": "library", "licenses": [{"license": {"id": "Free for all"}}]}]}
    assert not rules.is_valid(broken)


def test_it_says_the_licence_and_what_needs_what(bill: dict[str, Any]) -> None:
    licences = {each["name"]: each.get("licenses") for each in bill["components"]}
    assert licences["flask"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert licences["structlog"] == [{"expression": "MIT OR Apache-2.0"}]
    assert licences["jinja2"] == [{"license": {"name": "BSD License"}}]
    needs = {each["ref"].partition("@")[0]: each["dependsOn"] for each in bill["dependencies"]}
    assert any("/werkzeug@" in each for each in needs["pkg:pypi/flask"])
    assert any("/psycopg-binary@" in each for each in needs["pkg:pypi/psycopg"]), "by the extra that Daypass asks for"
    with (ROOT / "pyproject.toml").open("rb") as file:
        asked = tomllib.load(file)["project"]["dependencies"]
    assert len(needs["daypass"]) == len(asked)


def test_it_is_the_same_each_time_and_names_no_time_machine_or_registry(bill: dict[str, Any]) -> None:
    text = json.dumps(bill)
    assert json.dumps(bill_of_materials()) == text
    assert "timestamp" not in text and str(ROOT) not in text
    assert re.findall(r"\w+://[^/\"]+", text) == ["http://cyclonedx.org"]


def test_a_line_without_version_or_hash_is_not_passed_over() -> None:
    pinned = "# made by\n#    make lock\nflask==3.1 ; python_version < '4' \\\n    --hash=sha256:" + "0" * 64
    (pin,) = read_pins(pinned)
    assert (pin.name, pin.version, pin.marker, pin.hashes) == ("flask", "3.1", "python_version < '4'", ["0" * 64])
    for line in ("flask", "flask>=3", "flask==3.1", "--pre", "flask @ https://example.com/x"):
        with pytest.raises(ValueError, match="not a pin with hashes"):
            list(read_pins(f"{pinned}\n{line}\n"))
