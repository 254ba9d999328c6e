"""``make sbom``: a CycloneDX bill of materials of what a server runs, from ``requirements/run.txt``.

Needs no network. The same pins and installed packages give the same bytes: no time, no path, no address of a registry.
Not here: what wheels hold within them, such as SQLite in ``pysqlite3``.
"""

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from cyclonedx.spdx import fixup_id, is_expression
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PINS = ROOT / "requirements" / "run.txt"
SPECIFICATION = "1.6"

DAYPASS = uuid.UUID("eea6c867-20a3-4896-9215-1fcd8250b1dd")
"""The namespace of the serial numbers."""

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)(?: ; (?P<marker>.+?))?(?: \\)?$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Pin(NamedTuple):
    """`marker`: where the package is needed (PEP 508); empty for everywhere. `hashes`: of each of its files."""

    name: str
    version: str
    marker: str
    hashes: list[str]

    @property
    def purl(self) -> str:
        return PackageURL("pypi", None, self.name, self.version).to_string()


def bill_of_materials() -> dict[str, Any]:
    """The document; a package that is not installed here has no licence and no dependencies in it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    pins = {canonicalize_name(pin.name): pin for pin in read_pins(PINS.read_text(encoding="utf-8"))}
    direct = [Requirement(line) for line in project["dependencies"]]
    extras = {canonicalize_name(each.name): sorted(each.extras) for each in direct}
    root = f"daypass@{project['version']}"
    needed = {pin.purl: _dependencies(name, extras.get(name, []), pins) for name, pin in pins.items()}
    needed[root] = sorted({pins[canonicalize_name(each.name)].purl for each in direct})
    components = [_component(pin) for pin in pins.values()]
    contents = json.dumps([root, components, needed], sort_keys=True)
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": uuid.uuid5(DAYPASS, contents).urn,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": project["name"],
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": needed[ref]} for ref in sorted(needed)],
    }


def read_pins(text: str) -> Iterator[Pin]:
    """The pins of a compiled requirements file, in its order; raises ValueError for a line that is none."""
    for block in re.split(r"\n(?=\S)", text):
        line, _, rest = block.partition("\n")
        if line.startswith("#"):
            continue
        pin = PIN.match(line)
        hashes = HASH.findall(rest)
        if pin is None or not hashes:
            raise ValueError(f"not a pin with hashes: {line}")
        yield Pin(pin["name"], pin["version"], pin["marker"] or "", hashes)


def _component(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "hashes": [{"alg": "SHA-256", "content": each} for each in pin.hashes],
    }
    if licence := _licence(pin.name):
        component["licenses"] = [licence]
    if pin.marker:
        component["properties"] = [{"name": "daypass:marker", "value": pin.marker}]
    return component


def _licence(name: str) -> dict[str, Any] | None:
    """As the installed package declares it: an SPDX id or expression, or else its words."""
    try:
        declared = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classifiers = [each for each in declared.get_all("Classifier") or [] if each.startswith("License ::")]
    # Some packages have the licence's whole text in the second.
    texts = [declared.get("License-Expression"), declared.get("License"), *classifiers]
    words = next((text.rpartition(":: ")[2] for text in texts if text and "\n" not in text), None)
    if words is None:
        return None
    if identifier := fixup_id(words):
        return {"license": {"id": identifier}}
    return {"expression": words} if is_expression(words) else {"license": {"name": words}}


def _dependencies(name: str, extras: list[str], pins: dict[str, Pin]) -> list[str]:
    """The purls of the pinned packages that the installed package asks for, on this machine."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    asked = [
        canonicalize_name(each.name)
        for each in map(Requirement, lines)
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]
    return sorted({pins[each].purl for each in asked if each in pins})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill_of_materials(), indent=2, ensure_ascii=False) + "\n")
