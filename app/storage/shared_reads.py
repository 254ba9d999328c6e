"""Reads of several threads as one statement: a question to a server costs more than what it asks for.

Not here: the statements, and what happens when one fails (``plain_lookup``).
"""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

AT_ONCE = 2
"""Statements under way. Measured with 16 threads on two cores: with one, checks are as many, and the slowest slower."""

Asked = TypeVar("Asked", bound=Hashable)
Row = TypeVar("Row")


class _Waiting(Generic[Asked, Row]):
    """One that waits. `group`: those for whom it reads, itself the first; None where another has read for it."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.row: Row | None = None
        self.failure: BaseException | None = None
        self.group: Sequence[_Waiting[Asked, Row]] | None = None
        self.ended = threading.Lock()
        self.ended.acquire()


class SharedReads(Generic[Asked, Row]):
    """Finds rows: each statement is for all who have come while others were under way. Thread-safe.

    A statement begins after everybody for whom it reads has asked, so that nobody is told what was true before.
    `read_one`, `read_many`: what one asked for, and of what several asked for what there is.
    """

    def __init__(
        self,
        read_one: Callable[[Asked], Row | None],
        read_many: Callable[[Sequence[Asked]], Mapping[Asked, Row]],
        at_once: int = AT_ONCE,
    ) -> None:
        self._read_one = read_one
        self._read_many = read_many
        self._free = at_once
        self._waiting: list[_Waiting[Asked, Row]] = []
        self._lock = threading.Lock()

    def find(self, asked: Asked) -> Row | None:
        """The row. What a statement raises is raised by all for whom it was, and by all who wait for it to end: a
        server that does not answer is not waited for twice."""
        with self._lock:
            if self._free:
                self._free -= 1
                mine = None
            else:
                mine = _Waiting[Asked, Row](asked)
                self._waiting.append(mine)
        if mine is None:
            return self._read_alone(asked)
        mine.ended.acquire()
        if mine.group is not None:
            return self._read_alone(asked) if len(mine.group) == 1 else self._read_for(mine.group)
        if mine.failure is not None:
            raise mine.failure
        return mine.row

    def _read_alone(self, asked: Asked) -> Row | None:
        try:
            row = self._read_one(asked)
        except BaseException as failure:
            self._pass_on(failure)
            raise
        self._pass_on()
        return row

    def _read_for(self, group: Sequence[_Waiting[Asked, Row]]) -> Row | None:
        first, *others = group
        try:
            rows = self._read_many([each.asked for each in group])
        except BaseException as failure:
            self._pass_on(failure)
            _release(others, failure)
            raise
        self._pass_on()  # before the others, so that the server has something to do
        for each in others:
            each.row = rows.get(each.asked)
            each.ended.release()
        return rows.get(first.asked)

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


def _release(those: Sequence[_Waiting[Asked, Row]], failure: BaseException) -> None:
    for each in those:
        each.failure = failure
        each.ended.release()
