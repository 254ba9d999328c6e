"""Where the run takes place: checkouts, free ports, and facts about the machine."""

import os
import platform
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from pysqlite3 import dbapi2 as sqlite

ROOT = Path(__file__).parent.parent

PACKAGES = ("granian", "flask", "django", "djangorestframework", "django-rest-knox", "django-oauth-toolkit",
            "flask-jwt-extended", "psycopg")  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A command with its environment and folder."""

    command: list[str]
    environment: dict[str, str]
    folder: Path

    def start(self, **options: Any) -> "subprocess.Popen[bytes]":
        """Begin it; `options` go to ``Popen``."""
        return subprocess.Popen(self.command, cwd=self.folder, env=self.environment, **options)


@dataclass(frozen=True)
class Checkout:
    """A tree of Daypass, and the Python that runs it."""

    folder: Path
    python: str = sys.executable

    def program(self, words: list[str], environment: dict[str, str]) -> "Program":
        """``python -m …`` there, without the caller's own settings of Daypass; compiled once, as pip installs it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYPASS_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        complete = kept | {"PYTHONPATH": str(self.folder)} | environment
        return Program([self.python, "-m", *words], complete, self.folder)

    def start(self, words: list[str], environment: dict[str, str], **options: Any) -> "subprocess.Popen[bytes]":
        """Begin it; `options` go to ``Popen``."""
        return self.program(words, environment).start(**options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def facts(folder: Path) -> dict[str, str]:
    """The machine and the versions; `folder` is where the databases are."""
    machine = {
        "cores": f"{os.cpu_count()}, {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "file system of the databases": _file_system(folder),
        "Python": platform.python_version(),
        "SQLite": sqlite.sqlite_version,
    }
    return machine | {name: version(name) for name in PACKAGES}


def load_average() -> float:
    """Processes that were ready to run, on average over the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(folder: Path) -> str:
    mounts = [each for each in psutil.disk_partitions(all=True) if folder.is_relative_to(each.mountpoint)]
    return max(mounts, key=lambda each: len(each.mountpoint)).fstype if mounts else "unknown"
