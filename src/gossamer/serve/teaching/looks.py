"""Looks into the model that answers: worked out once, while those who ask come again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, TypeAlias

from gossamer.data.errors import InputError
from gossamer.serve.errors import ServeError, bad_request
from gossamer.serve.faults import FolderNames
from gossamer.serve.models.current import LoadedModel
from gossamer.serve.server import Server
from gossamer.serve.teaching.known import KnownExamples, states_of
from gossamer.serve.training.jobs import require_training
from gossamer.serve.training.task import Kind, Task
from gossamer.teach import TaughtProject
from gossamer.teach.look import TestedMessages, confusion_of, coverage_of, layers_of

Look: TypeAlias = dict[str, Any]

_PATIENCE: Final = 1.5
"""Seconds after which an answer says that it is being worked out."""
_MOST_KEPT: Final = 16


class _Work:
    """Something that is being worked out.

    Attributes:
        task: gives it.
        share: how much is done, or None.
    """

    def __init__(self) -> None:
        self.share: float | None = None
        self.task: asyncio.Task[Any]


class Looks:
    """Gives looks as JSON, with `state` "running", "done", "none" or "failed".

    Args:
        server: what answers.
        project: what is taught.
        known: its examples.
    """

    def __init__(self, server: Server, project: TaughtProject, known: KnownExamples) -> None:
        self._server = server
        self._project = project
        self._known = known
        self._tests = project.folder / "tests"
        self._names = FolderNames(server.settings)
        self._works: dict[tuple[Hashable, ...], _Work] = {}

    async def layers(self) -> Look:
        """Sparse layers, with pictures of their kernels."""
        model = self._server.models.get()

        async def work(_: _Work) -> Look:
            return await self._server.in_thread(lambda: layers_of(model.assistant))

        return await self._look(model, ("layers",), "Reading the kernels", work)

    async def confusion(self) -> Look:
        """Which intents are taken for which, with the messages."""
        return await self._of_tested(lambda tested: confusion_of(tested, self._project.folder))

    async def coverage(self) -> Look:
        """Error against coverage, with a suggested threshold."""
        return await self._of_tested(coverage_of)

    async def learning_curve(self, intent: str) -> Look:
        """Whether more examples of an intent would help.

        Raises:
            ServeError: 400, there is no such intent; 501, what training needs is not installed.
        """
        require_training()
        known = await self._server.in_thread(self._known.get)
        if intent not in known.intents:
            raise bad_request("an intent of the project must be asked for")
        project = self._project
        asked = {
            "intent": intent,
            "config": str(project.config.resolve()),
            "data": [str(path.resolve()) for path in project.data],
            "tests": str(self._tests.resolve()),
        }

        async def work(_: _Work) -> Look:
            task = Task(kind=Kind.LEARNING_CURVE, is_json=True)
            self._server.jobs.reserve(task.kind)
            done = await self._server.jobs.run(task, json.dumps(asked).encode())
            return dict(done.answer)

        text = f"Training with more and more examples of {intent}"
        return await self._look(None, ("curve", intent), text, work)

    async def _of_tested(self, told: Callable[[TestedMessages], Look]) -> Look:
        model = self._server.models.get()
        model.pipeline  # noqa: B018  (409 where it understands no texts)

        async def work(begun: _Work) -> TestedMessages:
            def on_share(share: float) -> None:
                begun.share = share

            return await self._server.in_thread(
                lambda: TestedMessages.of(
                    model.assistant,
                    self._tests,
                    self._known.get,
                    on_share,
                    parse_many=lambda texts: self._server.parse_many(model.pipeline, texts),
                )
            )

        text = "Asking the model about the test messages"
        return await self._look(model, ("tested",), text, work, told)

    async def _look(
        self,
        model: LoadedModel | None,
        key: tuple[Hashable, ...],
        text: str,
        work: Callable[[_Work], Coroutine[Any, Any, Any]],
        told: Callable[[Any], Look] = lambda found: found,
    ) -> Look:
        """What is worked out, or how far it is. One that failed is begun anew when asked again."""
        paths = [*self._project.data, self._tests]
        state = await self._server.in_thread(lambda: states_of(paths))
        key = (*key, None if model is None else model.model_id, state)
        begun = self._works.get(key)
        if begun is None:
            begun = self._works[key] = _Work()
            begun.task = asyncio.create_task(work(begun))
            self._forget_old()
        await asyncio.wait({begun.task}, timeout=_PATIENCE)
        if not begun.task.done():
            return {"state": "running", "fraction": begun.share, "text": text}
        try:
            found = begun.task.result()
        except (InputError, ServeError) as error:
            self._works.pop(key, None)
            return {"state": "failed", "error": self._names.left_out_of(str(error))}
        except BaseException:
            self._works.pop(key, None)
            raise
        look = await self._server.in_thread(lambda: told(found))
        return look if model is None else {"model": model.path.name, **look}

    def _forget_old(self) -> None:
        done = [key for key, work in self._works.items() if work.task.done()]
        for key in done[: max(0, len(self._works) - _MOST_KEPT)]:
            del self._works[key]

    async def close(self) -> None:
        """End what runs."""
        running = [work.task for work in self._works.values() if not work.task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
