"""Alation's own data quality SDK, `alation-data-quality-sdk`, its token part: the client of its services.

Its cache file is in the home folder of this process.
"""

import time
from typing import Any

from conversation import converse
from data_quality_sdk.client.alation_client import AlationClient  # type: ignore[import-not-found]

clients: list[Any] = []
true_time = time.time  # noqa: TID251 - the client's clock


def start(url: str, client_id: str, client_secret: str) -> None:
    clients[:] = [AlationClient(url, client_id, client_secret)]


def call() -> Any:
    return clients[0].save_sample_failed_check_queries("1", "2", [])


def is_healthy() -> Any:
    return clients[0].health_check()


def let_time_pass(seconds: int) -> None:
    """For this process alone."""
    vars(time)["time"] = lambda: true_time() + seconds


if __name__ == "__main__":
    converse({"start": start, "call": call, "is_healthy": is_healthy, "let_time_pass": let_time_pass})
