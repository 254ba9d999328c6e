"""Reads of several threads as one statement: a question to a server costs more than what it asks for.

Not here: the statements, and what happens when one fails (``plain_lookup``).
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

AT_ONCE = 2
"""Statements under way. Measured with 16 threads on two cores: with one, checks are as many, and the slowest slower."""

Row = TypeVar("Row")


class _Waiting(Generic[Row]):
    """One that waits. `group`: those for whom it reads, itself the first; None where another has read for it."""

    def __init__(self, public_id: str) -> None:
        self.public_id = public_id
        self.row: Row | None = None
        self.failure: BaseException | None = None
        self.group: Sequence[_Waiting[Row]] | None = None
        self.ended = threading.Lock()
        self.ended.acquire()


class SharedReads(Generic[Row]):
    """Finds rows by public id: each statement is for all who have come while others were under way. Thread-safe.

    A statement begins after everybody for whom it reads has asked, so that nobody is told what was true before.
    `read_one`, `read_many`: by one public id, and of those that exist by several.
    """

    def __init__(
        self,
        read_one: Callable[[str], Row | None],
        read_many: Callable[[Sequence[str]], Mapping[str, Row]],
        at_once: int = AT_ONCE,
    ) -> None:
        self._read_one = read_one
        self._read_many = read_many
        self._free = at_once
        self._waiting: list[_Waiting[Row]] = []
        self._lock = threading.Lock()

    def find(self, public_id: str) -> Row | None:
        """The row. What a statement raises is raised by all for whom it was, and by all who wait for it to end: a
        server that does not answer is not waited for twice."""
        with self._lock:
            if self._free:
                self._free -= 1
                mine = None
            else:
                mine = _Waiting[Row](public_id)
                self._waiting.append(mine)
        if mine is None:
            return self._read_alone(public_id)
        mine.ended.acquire()
        if mine.group is not None:
            return self._read_alone(public_id) if len(mine.group) == 1 else self._read_for(mine.group)
        if mine.failure is not None:
            raise mine.failure
        return mine.row

    def _read_alone(self, public_id: str) -> Row | None:
        try:
            row = self._read_one(public_id)
        except BaseException as failure:
            self._pass_on(failure)
            raise
        self._pass_on()
        return row

    def _read_for(self, group: Sequence[_Waiting[Row]]) -> Row | None:
        first, *others = group
        try:
            rows = self._read_many([each.public_id for each in group])
        except BaseException as failure:
            self._pass_on(failure)
            _release(others, failure)
            raise
        self._pass_on()  # before the others, so that the server has something to do
        for each in others:
            each.row = rows.get(each.public_id)
            each.ended.release()
        return rows.get(first.public_id)

    def _pass_on(self, failure: BaseException | None = None) -> None:
        """The first of those who wait reads for all of them next; after a failure, nobody waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if failure is not None or not waiting:
                self._free += 1
        if failure is not None:
            _release(waiting, failure)
        elif waiting:
            waiting[0].group = waiting
            waiting[0].ended.release()


def _release(those: Sequence[_Waiting[Row]], failure: BaseException) -> None:
    for each in those:
        each.failure = failure
        each.ended.release()
