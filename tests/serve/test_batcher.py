"""Messages that arrive together are parsed together, and each gets its own answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from gossamer.nlu.pipeline.parse import Parse
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.serve.work.batcher import ParseBatcher


class Understands:
    """A pipeline that understands texts once it may; a text "bad" it cannot."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def parse(self, texts: Sequence[str]) -> list[Parse]:
        self.batches.append(list(texts))
        self.begun.set()
        assert self.may_go_on.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        return [Parse(text=text) for text in texts]


@pytest.fixture
def batcher() -> Iterator[ParseBatcher]:
    found = ParseBatcher()
    yield found
    found.close()


def test_one_batch_wakes_the_loop_once(
    batcher: ParseBatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Understands()
    pipeline = cast(Pipeline, own)

    async def ask() -> tuple[list[Any], int]:
        loop = asyncio.get_running_loop()
        first = asyncio.create_task(batcher.parse(pipeline, "first"))
        await asyncio.to_thread(own.begun.wait)
        others = [asyncio.create_task(batcher.parse(pipeline, f"{k}")) for k in range(5)]
        gone = asyncio.create_task(batcher.parse(pipeline, "gone"))
        await asyncio.sleep(0)
        gone.cancel()
        in_thread = batcher.submit(pipeline, "in a thread")
        await asyncio.sleep(0)
        woken = 0
        call = loop.call_soon_threadsafe

        def counted(*arguments: Any, **more: Any) -> Any:
            nonlocal woken
            woken += 1
            return call(*arguments, **more)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        own.may_go_on.set()
        found = [each.text for each in await asyncio.gather(first, *others)]
        return [*found, in_thread.result(10).text], woken

    texts, woken = asyncio.run(ask())
    assert texts == ["first", "0", "1", "2", "3", "4", "in a thread"]
    assert own.batches == [["first"], ["0", "1", "2", "3", "4", "in a thread"]]
    assert woken == 2


def test_one_that_fails_leaves_the_others(batcher: ParseBatcher) -> None:
    own = Understands()
    pipeline = cast(Pipeline, own)

    async def ask() -> list[Any]:
        first = asyncio.create_task(batcher.parse(pipeline, "first"))
        await asyncio.to_thread(own.begun.wait)
        texts = ("a", "bad", "b")
        others = [asyncio.create_task(batcher.parse(pipeline, text)) for text in texts]
        await asyncio.sleep(0)
        own.may_go_on.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    first, a, bad, b = asyncio.run(ask())
    assert (first.text, a.text, b.text) == ("first", "a", "b")
    assert isinstance(bad, ValueError)


def test_a_batch_waits_for_a_text_that_is_expected() -> None:
    own = Understands()
    own.may_go_on.set()
    pipeline = cast(Pipeline, own)
    batcher = ParseBatcher(longest_wait=30.0)
    with batcher.expecting():
        other = ThreadPoolExecutor(1).submit(lambda: batcher.submit(pipeline, "one"))
        first = other.result(10)
        time.sleep(0.05)
        assert own.batches == []
        second = batcher.submit(pipeline, "two")
        assert [first.result(10).text, second.result(10).text] == ["one", "two"]
        assert own.batches == [["one", "two"]]
        batcher.submit(pipeline, "three").result(10)  # no other is expected: at once
    with batcher.expecting():  # nothing came
        other = ThreadPoolExecutor(1).submit(lambda: batcher.submit(pipeline, "four"))
        assert not other.result(10).done()
    other.result(10).result(10)
    batcher.close()
    assert own.batches[1:] == [["three"], ["four"]]


def test_a_batch_waits_for_a_moment_only() -> None:
    own = Understands()
    own.may_go_on.set()
    batcher = ParseBatcher(longest_wait=0.05)
    with batcher.expecting(), ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        pool.submit(lambda: batcher.submit(cast(Pipeline, own), "one").result(10)).result(10)
        assert time.monotonic() - started >= 0.05
    batcher.close()
