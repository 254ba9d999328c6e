"""Rounds of clock jumps under load, on each kind of database: ``make clock-rounds``."""

import random
from pathlib import Path

import click

from tests.databases import KINDS_OF_DATABASE, separate_database
from tests.drivers.clock_jumps import Hosts


@click.command()
@click.argument("rounds", type=click.IntRange(1), default=200)
@click.option("--seed", type=int, default=None, help="Of an earlier run, to repeat it.")
def main(rounds: int, seed: int | None) -> None:
    """Run ROUNDS of clock jumps on each kind of database (200 unless told)."""
    seed = random.randrange(10**6) if seed is None else seed
    for kind in KINDS_OF_DATABASE:
        with separate_database(kind) as (url, folder):
            _run(url, folder, rounds, seed)


def _run(url: str, folder: Path, rounds: int, seed: int) -> None:
    kind = url.partition(":")[0]
    with Hosts(url, folder, seed) as hosts:
        for number in range(1, rounds + 1):
            click.echo(f"{kind} {number}/{rounds}: {hosts.round()}")
        revoked, seconds = len(hosts.revoked), hosts.slowest_seconds
    click.echo(f"{kind}: {rounds} rounds (seed {seed}), {revoked} revoked, jobs OK again within {seconds:.1f} s")


if __name__ == "__main__":
    main()
