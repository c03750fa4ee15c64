"""One comment at the end, the newest run's, whatever happens meanwhile."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.comment.marker import Marker
from automation.comment.upsert import Comment, Done, LaterError, upsert
from automation.errors import UserError

US = "github-actions[bot]"
SHA = "0123456789abcdef0123456789abcdef01234567"


def no_wait(_seconds: float) -> None:
    pass


def run(number: int, attempt: int = 1, name: str = "preview") -> Marker:
    return Marker(number, attempt, SHA, name)


class Thread:
    """Comments of a pull request, and what others do to them between our steps."""

    author = US

    def __init__(self, *comments: tuple[str, str]) -> None:
        self._ids = itertools.count(1)
        self.there = [Comment(next(self._ids), author, body) for author, body in comments]
        self.writes = 0

    def comments(self) -> list[Comment]:
        return list(self.there)

    def create(self, body: str) -> None:
        self.writes += 1
        self.there.append(Comment(next(self._ids), US, body))

    def update(self, comment: Comment, body: str) -> None:
        self.writes += 1
        self.there = [Comment(one.id, one.author, body) if one.id == comment.id else one for one in self.there]

    def delete(self, comment: Comment) -> None:
        self.writes += 1
        self.there = [one for one in self.there if one.id != comment.id]

    def bodies(self) -> list[str]:
        return [one.body for one in self.there]


def test_the_first_run_writes_a_comment_and_the_next_one_replaces_it() -> None:
    thread = Thread(("person", "Looks good."))

    assert upsert(thread, run(1), "one", no_wait) is Done.CREATED
    assert upsert(thread, run(2), "two", no_wait) is Done.UPDATED

    assert thread.bodies() == ["Looks good.", run(2).on("two")]


def test_an_unchanged_body_is_not_written() -> None:
    thread = Thread((US, run(3).on("same")))

    assert upsert(thread, run(3), "same", no_wait) is Done.UNCHANGED
    assert thread.writes == 0


@pytest.mark.parametrize("newer", [run(4), run(3, 2)])
def test_an_older_run_leaves_a_newer_comment_alone(newer: Marker) -> None:
    thread = Thread((US, newer.on("new")))

    assert upsert(thread, run(3), "old", no_wait) is Done.OUTDATED
    assert thread.writes == 0


def test_a_run_again_replaces_its_first_attempt() -> None:
    thread = Thread((US, run(3).on("first")))

    assert upsert(thread, run(3, 2), "second", no_wait) is Done.UPDATED
    assert thread.bodies() == [run(3, 2).on("second")]


def test_numbers_are_compared_as_numbers() -> None:
    thread = Thread((US, run(9).on("nine")))

    assert upsert(thread, run(10), "ten", no_wait) is Done.UPDATED


@pytest.mark.parametrize("author", ["mallory", "github-actions", "GITHUB-ACTIONS[bot]"])
def test_a_marker_in_somebody_elses_comment_counts_for_nothing(author: str) -> None:
    thread = Thread((author, run(999_999).on("mine now")))

    assert upsert(thread, run(1), "one", no_wait) is Done.CREATED
    assert thread.bodies() == [run(999_999).on("mine now"), run(1).on("one")]


def test_a_marker_further_down_counts_for_nothing() -> None:
    thread = Thread((US, "A lint report\n" + run(999).on("quoted")))

    assert upsert(thread, run(1), "one", no_wait) is Done.CREATED


def test_comments_of_another_name_stay() -> None:
    thread = Thread((US, run(7, name="drift").on("drift")))

    upsert(thread, run(1), "one", no_wait)
    assert thread.bodies() == [run(7, name="drift").on("drift"), run(1).on("one")]


def test_several_comments_of_ours_become_one() -> None:
    thread = Thread((US, run(1).on("a")), (US, run(2).on("b")), (US, run(2).on("b")))

    upsert(thread, run(3), "c", no_wait)
    assert thread.bodies() == [run(3).on("c")]
    assert thread.there[0].id == 1


class Turns(Thread):
    """A thread on which several runs take turns, in an order drawn by lot.

    A run that lets its write settle has no turn while another is between its look and its write: that is what the
    time of settling stands for.
    """

    def __init__(self, runs: int, lot: random.Random) -> None:
        super().__init__()
        self.lot = lot
        self.condition = threading.Condition()
        self.waiting: dict[str, str] = {}
        self.looked: set[str] = set()
        self.left = runs
        self.turn: str | None = None

    def comments(self) -> list[Comment]:
        with self._turn("look") as me:
            self.looked.add(me)
            return super().comments()

    def create(self, body: str) -> None:
        with self._turn("write"):
            super().create(body)

    def update(self, comment: Comment, body: str) -> None:
        with self._turn("write"):
            super().update(comment, body)

    def delete(self, comment: Comment) -> None:
        with self._turn("write"):
            super().delete(comment)

    def settle(self, _seconds: float) -> None:
        with self._turn("settle"):
            pass

    def work(self, marker: Marker) -> None:
        threading.current_thread().name = str(marker.run)
        try:
            upsert(self, marker, f"report of {marker.run}", self.settle)
        finally:
            with self.condition:
                self.looked.discard(str(marker.run))
                self.left -= 1
                self._next()

    @contextmanager
    def _turn(self, step: str) -> Iterator[str]:
        me = threading.current_thread().name
        with self.condition:
            if step == "settle":
                self.looked.discard(me)
            self.waiting[me] = step
            self._next()
            assert self.condition.wait_for(lambda: self.turn == me, timeout=10)
            yield me
            self.turn = None
            self._next()

    def _next(self) -> None:
        if self.turn is not None or len(self.waiting) < self.left or not self.waiting:
            return
        ready = [one for one, step in self.waiting.items() if step != "settle" or not self.looked - {one}]
        self.turn = self.lot.choice(sorted(ready))
        del self.waiting[self.turn]
        self.condition.notify_all()


@given(st.integers(0, 1_000_000), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_runs_that_race_leave_one_comment_of_the_newest(seed: int, count: int) -> None:
    thread = Turns(count, random.Random(seed))
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(thread.work, run(number)) for number in range(1, count + 1)]:
            done.result(timeout=20)

    assert thread.bodies() == [run(count).on(f"report of {count}")]


def test_a_refused_write_is_tried_again_after_another_look() -> None:
    class Refusing(Thread):
        def update(self, comment: Comment, body: str) -> None:
            assert body
            super().update(comment, run(8).on("a newer run came meanwhile"))
            raise LaterError("busy", 30)

    thread = Refusing((US, run(1).on("one")))
    slept: list[float] = []

    assert upsert(thread, run(2), "two", slept.append) is Done.OUTDATED
    assert slept == [30]
    assert thread.bodies() == [run(8).on("a newer run came meanwhile")]


def test_a_thread_that_never_settles_is_given_up() -> None:
    class Rewritten(Thread):
        def comments(self) -> list[Comment]:
            return [Comment(1, US, run(1).on("somebody else's"))]

    with pytest.raises(UserError, match="could not be brought up to date"):
        upsert(Rewritten(), run(1), "ours", no_wait)


def malformed() -> Iterator[str]:
    good = str(run(1))
    yield from ("", " " + good, good.replace("run=1.1", "run=-1.1"), good.replace("run=1.1", f"run={'9' * 30}.1"))
    yield from (good.replace(SHA, "--><script>"), good.upper(), good[:-1], good.replace("preview", "a b"))


@pytest.mark.parametrize("text", list(malformed()))
def test_what_is_not_quite_a_marker_is_none(text: str) -> None:
    assert Marker.of(text) is None


@given(st.integers(0, 10**18 - 1), st.integers(1, 10**9 - 1), st.text("0123456789abcdef", min_size=7, max_size=64))
def test_a_marker_reads_back(number: int, attempt: int, sha: str) -> None:
    marker = Marker(number, attempt, sha)
    assert Marker.of(marker.on("text\nmore")) == marker
