"""``python -m bench.serve MODULE:NAME PORT``: one WSGI application, with server and options as in ``daypass serve``."""

import multiprocessing
import sys

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from config import Settings

THREADS: int = Settings().threads
"""Of the one worker: the default of ``daypass serve``."""

LOG_LEVEL = "WARNING"


def serve(application: str, port: int) -> None:
    """Serve until SIGTERM."""
    multiprocessing.set_start_method("spawn", force=True)
    Granian(
        application,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        websockets=False,
        respawn_failed_workers=True,
        log_level=LogLevels(LOG_LEVEL.lower()),
    ).serve()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
