"""Plants each fault in a copy of the code, and says which test catches it: ``python -m tests.mutants [NAME …]``."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import click

from tests.mutants.faults import FAULTS, ROOT, Fault

TIMEOUT_SECONDS = 60
PYTEST = ("-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", f"--timeout={TIMEOUT_SECONDS}")
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s:]+(?:::[^\s\[]+)?)", re.MULTILINE)
PASSED, SOME_FAILED = 0, 1
SURVIVED = "SURVIVED"


class Outcome(NamedTuple):
    """`caught_by`: the first test that failed; None where none did, and `problem` says why."""

    caught_by: str | None
    seconds: float
    problem: str = ""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice([fault.name for fault in FAULTS]))
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="How many faults are tried at once.")
@click.option("--markdown", is_flag=True, help="Print a table at the end.")
def main(names: tuple[str, ...], jobs: int, markdown: bool) -> None:
    """Plant the faults of these NAMES, or all; exit code 1 unless a test catches each of them."""
    faults = [fault for fault in FAULTS if not names or fault.name in names]
    with tempfile.TemporaryDirectory(prefix="daypass-mutants-", dir=_memory()) as folder:
        outcomes = _try_all(faults, Path(folder), jobs)
    if markdown:
        click.echo(_table(faults, outcomes))
    survived = sum(outcome.caught_by is None for outcome in outcomes)
    click.echo(f"{len(faults)} faults, {len(faults) - survived} caught")
    sys.exit(1 if survived else 0)


def _try_all(faults: list[Fault], folder: Path, jobs: int) -> list[Outcome]:
    """First the tests without a fault, because a test that fails anyway catches nothing."""
    folder.chmod(0o711)  # PostgreSQL's server runs as another user, and has its data in here
    sound = folder / "0"
    _copy_tracked(sound)
    with ThreadPoolExecutor(jobs) as pool:
        selections = list(dict.fromkeys(fault.tests for fault in faults))
        baseline = dict(zip(selections, pool.map(lambda tests: _run(sound, tests), selections), strict=True))
        for tests, outcome in baseline.items():
            if outcome.problem != SURVIVED:
                click.echo(f"FAILS WITHOUT A FAULT  {tests}: {outcome.caught_by or outcome.problem}")

        def attempt(number: int, fault: Fault) -> Outcome:
            outcome = _attempt(fault, sound, folder / str(number), baseline[fault.tests])
            click.echo(_line(fault, outcome))
            return outcome

        return list(pool.map(attempt, range(1, len(faults) + 1), faults))


def _copy_tracked(copy: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in (name for name in tracked.split("\0") if (ROOT / name).is_file()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)


def _attempt(fault: Fault, sound: Path, copy: Path, baseline: Outcome) -> Outcome:
    if fault.is_stale:
        return Outcome(None, 0, f"OUT OF DATE: its text is not exactly once in {fault.file}")
    if baseline.problem != SURVIVED:
        return Outcome(None, 0, "NOT TRIED: its tests fail without it")
    shutil.copytree(sound, copy)
    file = copy / fault.file
    file.write_text(file.read_text(encoding="utf-8").replace(fault.old, fault.new), encoding="utf-8")
    try:
        return _run(copy, fault.tests)
    finally:
        shutil.rmtree(copy)


def _run(copy: Path, tests: str) -> Outcome:
    """Run the tests in this copy of the code until one fails."""
    arguments = shlex.split(tests if " -k " in tests else f"{tests} -k 'not postgresql'")
    path = os.pathsep.join([str(copy), str(copy / "clients" / "python" / "src")])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "", "TMPDIR": str(copy.parent)}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, *PYTEST, *arguments], cwd=copy, env=environment, capture_output=True, text=True
    )
    seconds = time.monotonic() - started
    failed = FAILED.search(done.stdout)
    if done.returncode == SOME_FAILED and failed:
        return Outcome(failed[1], seconds)
    if done.returncode == PASSED:
        return Outcome(None, seconds, SURVIVED)
    last = (done.stdout + done.stderr).strip().rpartition("\n")[2]  # such as that no test has that name
    return Outcome(None, seconds, f"NO RESULT: {last}")


def _memory() -> str | None:
    """Where a file system in memory is, if there is one: waiting for the disk is half of the tests' time."""
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None


def _line(fault: Fault, outcome: Outcome) -> str:
    if outcome.caught_by is None:
        return f"{outcome.problem}  {fault.name}  ({outcome.seconds:.1f} s)"
    return f"caught  {fault.name}  by {outcome.caught_by}  ({outcome.seconds:.1f} s)"


def _table(faults: list[Fault], outcomes: list[Outcome]) -> str:
    rows = ["| fault | breaks | caught by | seconds |", "|---|---|---|---|"]
    for fault, outcome in zip(faults, outcomes, strict=True):
        caught_by = outcome.caught_by or outcome.problem
        rows.append(f"| {fault.name} | {fault.breaks} | {caught_by} | {outcome.seconds:.1f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
