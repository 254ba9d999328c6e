"""The signals of a server's supervisor, as flags and a file descriptor to wait for."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """`stop`: SIGTERM or SIGINT has come. `reload`: SIGHUP has come; the code that acts on it resets it.

    No lock is taken in a handler, as ``threading.Event.set`` would: it could be held by what the signal interrupts.
    """

    def __init__(self) -> None:
        self.stop = False
        self.reload = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    @classmethod
    @contextmanager
    def caught(cls) -> Iterator["Signals"]:
        """Signals instead of their usual effects, in the main thread."""
        signals = cls()
        before = {number: signal.signal(number, signals._note) for number in (*STOPPING, signal.SIGHUP)}
        descriptor = signal.set_wakeup_fd(signals._writer.fileno(), warn_on_full_buffer=False)
        try:
            yield signals
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)
            signals._reader.close()
            signals._writer.close()

    def fileno(self) -> int:
        """A descriptor that is readable after a signal."""
        return self._reader.fileno()

    def clear(self) -> None:
        """Make the descriptor wait for the next signal."""
        with suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.reload = True
        else:
            self.stop = True
