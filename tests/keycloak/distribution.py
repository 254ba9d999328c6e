"""Keycloak's distribution, fetched from Maven Central once and unpacked in ``build/keycloak``, which git ignores.

Its version is in ``pom.xml``; the archive is used only if it is the one whose SHA-256 is here.
"""

import hashlib
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "keycloak"

SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"

COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
FETCHING_SECONDS = 600
LEAST_JAVA = 17
"""What Keycloak 26 runs on, as its guide "Supported Configurations" says."""

TOOLS = "`make test-keycloak` needs Java 17 or newer and Maven: apt-get install openjdk-17-jre-headless maven."


def distribution() -> Path:
    """The folder of Keycloak. AssertionError says what is missing."""
    BUILD.mkdir(parents=True, exist_ok=True)
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    assert not missing, f"There is no `{'`, no `'.join(missing)}` here. {TOOLS}"
    assert (java := _java_version()) >= LEAST_JAVA, f"This Java is version {java}. {TOOLS}"
    home = BUILD / f"keycloak-{_version()}"
    with FileLock(BUILD / "unpacking.lock"):
        if not home.exists():
            _unpack(_fetch(), home)
    return home


def _java_version() -> int:
    """The first number of what `java -version` says."""
    said = _run("java", "-version", seconds=60).stderr
    found = re.search(r'version "(\d+)', said)
    assert found, f"`java -version` says:\n{said}"
    return int(found[1])


def _version() -> str:
    found = re.search(r"keycloak-quarkus-dist</artifactId>\s*<version>(.*)<", (HERE / "pom.xml").read_text())
    assert found, "pom.xml does not name the version"
    return found[1]


def _fetch() -> Path:
    """The archive, from Maven's own cache where it is there."""
    shutil.copy(HERE / "pom.xml", BUILD)
    done = _run("mvn", "-q", "-B", "-Dstyle.color=never", COPY, f"-DoutputDirectory={BUILD}", seconds=FETCHING_SECONDS)
    assert done.returncode == 0, f"Maven could not fetch Keycloak:\n{done.stdout}{done.stderr}"
    return BUILD / f"keycloak-quarkus-dist-{_version()}.zip"


def _unpack(archive: Path, home: Path) -> None:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    assert digest == SHA256, f"{archive.name} is another than the pinned one: its SHA-256 is {digest}"
    unfinished = BUILD / "unpacking"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(unfinished)
    (unfinished / home.name).rename(home)
    shutil.rmtree(unfinished)
    archive.unlink()


def _run(*words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=BUILD, capture_output=True, text=True, timeout=seconds, check=False)
