"""The readers: a few threads, each with a connection while it reads; none waits for the writer."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from engine.errors import StorageError
from storage.answers import Answer, Postbox
from storage.transaction import Transaction

T = TypeVar("T")


class _Question(NamedTuple):
    """A verb that only reads, and that somebody waits for."""

    verb: Callable[[Transaction], object]
    answer: Answer[object]


class Readers:
    """Threads that read; they are asked from event loops.

    A reader that becomes free takes its share of what waits, and answers it from one state of the database: a burst
    of small questions costs few transactions, and a slow one holds up no more than its share.
    """

    def __init__(
        self,
        engine: Engine,
        count: int,
        translate: Callable[[SQLAlchemyError], StorageError],
        before: Callable[[str], None],
        postbox: Postbox,
    ) -> None:
        self._engine = engine
        self._translate = translate
        self._before = before
        self._postbox = postbox
        self._waiting: SimpleQueue[_Question | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"atelier-reader-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, verb: Callable[[Transaction], T]) -> T:
        """Run a verb that only reads. Raises StorageError once closed."""
        answer: Answer[T] = Answer()
        with self._lock:
            if self._closed:
                raise StorageError("the database is closed")
            self._waiting.put(_Question(verb, answer))  # type: ignore[arg-type]  # the threads only pass results on
        return await answer.future

    def close(self) -> None:
        """Answer what waits and stop; blocks until then."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (question := self._waiting.get()) is not None:
            share = [question, *self._more(self._waiting.qsize() // len(self._threads))]
            self._answer(share)
            self._postbox.deliver(each.answer for each in share)

    def _more(self, count: int) -> list[_Question]:
        more: list[_Question] = []
        with suppress(Empty):
            while len(more) < count:
                question = self._waiting.get(block=False)
                if question is None:
                    self._waiting.put(None)
                    break
                more.append(question)
        return more

    def _answer(self, share: Sequence[_Question]) -> None:
        """Answer each from one state of the database; after an error the others get another."""
        left = deque(share)
        while left:
            try:
                self._answer_in_order(left)
            except BaseException as error:  # whatever it is, this thread lives on and nobody waits in vain
                if left:
                    failed = left.popleft().answer
                    failed.error(self._translate(error) if isinstance(error, SQLAlchemyError) else error)

    def _answer_in_order(self, left: deque[_Question]) -> None:
        with self._engine.connect() as connection, connection.begin(), Transaction(connection, self._before) as found:
            while left:
                left[0].answer.value(left[0].verb(found))
                found.expunge_all()
                left.popleft()
