"""Where the run takes place: the checkout, the environment, free ports, and the machine's own facts.

Here belongs what is found, not made. Not here: the work folder and its databases (``bench.ground``).
"""

import os
import platform
import socket
from importlib.metadata import version
from pathlib import Path

import psutil
from pysqlite3 import dbapi2 as sqlite

ROOT = Path(__file__).parent.parent

PACKAGES = ("granian", "flask", "django", "djangorestframework", "django-rest-knox", "django-oauth-toolkit",
            "flask-jwt-extended", "psycopg")  # fmt: skip


def clean_environment() -> dict[str, str]:
    """This process's environment, without anybody's settings of Daypass, and able to import this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYPASS_")}
    return kept | {"PYTHONPATH": str(ROOT)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def facts(folder: Path) -> dict[str, str]:
    """The machine and the versions; `folder` is where the databases are."""
    found = {
        "cores": f"{os.cpu_count()}, {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "file system of the databases": _file_system(folder),
        "Python": platform.python_version(),
        "SQLite": sqlite.sqlite_version,
    }
    return found | {name: version(name) for name in PACKAGES}


def load_average() -> float:
    """Processes that wanted to run, on average over the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(folder: Path) -> str:
    holding = [each for each in psutil.disk_partitions(all=True) if folder.is_relative_to(each.mountpoint)]
    return max(holding, key=lambda each: len(each.mountpoint)).fstype if holding else "unknown"
