"""What is taught: the project, the inbox and the trainings of a server, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

from gossamer.data.errors import DataError
from gossamer.nlu.pipeline.parse import Parse
from gossamer.serve.errors import ServeError, bad_request, not_found
from gossamer.serve.faults import FolderNames
from gossamer.serve.server import Server
from gossamer.serve.teaching.known import KnownExamples
from gossamer.serve.teaching.looks import Looks
from gossamer.serve.teaching.stored import NewestMessages
from gossamer.serve.teaching.trainings import ServedTrainings
from gossamer.teach import Correction, MessageCorrection, Patch, Taught, TaughtProject
from gossamer.teach.accepting import accepted_example, senders_of
from gossamer.teach.dismissed import Dismissed
from gossamer.teach.inbox import Inbox, InboxGroup, StoredMessage

T = TypeVar("T")
_MOST_ALIKE: Final = 10


class Teaching:
    """Teaches the project of a server's settings. Its coroutines never block the loop.

    Args:
        server: what answers; its settings have a project.

    Attributes:
        server: as given.
        project: what is taught.
        trainings: candidates for the model that answers.
        looks: into the model that answers.

    Raises:
        InputError: the folder is no project that can be taught.
    """

    def __init__(self, server: Server) -> None:
        folder = server.settings.teach
        assert folder is not None
        self.server = server
        self.project = TaughtProject(folder)
        self.project.description()  # what cannot be read is found out now
        self.trainings = ServedTrainings(server, self.project)
        self._names = FolderNames(server.settings)
        self._messages = NewestMessages(server)
        self._dismissed = Dismissed(self.project.folder / ".gossamer")
        self._known = KnownExamples(self.project.data)
        self.looks = Looks(server, self.project, self._known)
        self._writing = asyncio.Lock()
        server.on_delete = self._messages.forget

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The time in which there may be trainings; at its end they end."""
        try:
            yield
        finally:
            await self.looks.close()
            await self.trainings.close()

    async def description(self) -> dict[str, Any]:
        """What can be taught, as JSON."""
        return await self._of_project(lambda: self.project.description().to_json())

    async def preview(self, correction: Correction) -> Patch:
        """What teaching this would write."""
        return await self._of_project(lambda: self.project.preview(correction))

    async def teach(
        self, correction: Correction, *, who: str, senders: Collection[str] = ()
    ) -> Taught:
        """Write a correction into the project.

        Args:
            correction: what is taught.
            who: teaches it.
            senders: whose messages it comes from.
        """
        return await self._written(
            lambda: self.project.teach(correction, who=who, senders=tuple(senders))
        )

    async def undo(self, number: int, *, who: str) -> Taught:
        """Take out what was taught.

        Raises:
            ServeError: 404, there is none; 409, it cannot be taken out any more.
        """
        taught = await self.taught()
        if all(each.id != number for each in taught):
            raise not_found(f"nothing of the number {number} was taught")
        async with self._writing:
            try:
                return await self.server.in_thread(lambda: self.project.undo(number, who=who))
            except DataError as error:
                raise ServeError(409, "Conflict", self._names.left_out_of(str(error))) from None

    async def taught(self) -> Sequence[Taught]:
        """All that was taught."""
        return await self._of_project(self.project.taught)

    async def taught_json(self) -> list[dict[str, Any]]:
        """All that was taught, as JSON, and whether the model that answers knows it."""
        taught = await self.taught()
        read_at = self.trainings.knows_until()
        return [{**each.to_json(), "is_trained": each.when < read_at} for each in taught]

    async def inbox(self, limit: int) -> tuple[list[InboxGroup], int]:
        """Stored messages that are worth a look, and how many messages were read."""
        messages = await self.messages()

        def find() -> list[InboxGroup]:
            return Inbox(self._known.get(), messages).groups(limit)

        return await self._of_project(find), len(messages)

    async def accept(self, text: str, *, who: str) -> Taught:
        """Teach what the model that answers says of a text.

        Raises:
            ServeError: 400, it has no intent for it.
        """
        messages = await self.messages()
        parse = await self.parse(text)
        known = await self._of_project(self._known.get)
        example = accepted_example(parse, known.intents)
        if example is None:
            raise bad_request("the model must have an intent for it. Try: correcting it")
        senders = senders_of(text, messages)
        return await self.teach(MessageCorrection(example), who=who, senders=senders)

    async def senders_of(self, correction: Correction, sender: str | None) -> set[str]:
        """Whose messages a correction comes from: of a message, all who wrote it.

        Args:
            correction: what is taught.
            sender: in whose conversation; None: in nobody's.
        """
        if sender is None:
            return set()
        if not isinstance(correction, MessageCorrection):
            return {sender}
        stored: Sequence[StoredMessage] = ()
        with suppress(ServeError):  # no model that holds conversations is loaded
            model = self.server.models.get()
            stored = await self._of_project(lambda: self._messages.get(model))
        return senders_of(correction.example.text, stored, [sender])

    async def messages(self) -> Sequence[StoredMessage]:
        """The newest stored messages that were not dismissed.

        Raises:
            ServeError: 409, no dialogue model is loaded.
        """
        model = self.server.models.get()

        def read() -> list[StoredMessage]:
            stored = self._messages.get(model)
            dismissed = self._dismissed.texts_among([each.text for each in stored])
            return [each for each in stored if each.text not in dismissed]

        return await self._of_project(read)

    async def alike(self, text: str) -> list[Parse]:
        """What the model says of the stored messages that are most like a text.

        Raises:
            ServeError: 409, no dialogue model is loaded.
        """
        model = self.server.models.get()
        found = await self.server.in_thread(
            lambda: self._messages.similar(model, text, _MOST_ALIKE)
        )
        texts = dict.fromkeys(each.text for each in found)
        return list(await asyncio.gather(*map(self.parse, texts)))

    async def parse(self, text: str) -> Parse:
        """What the model says of a text; it is not counted among the messages of users."""
        return await self.server.parse(text, is_counted=False)

    async def dismiss(self, text: str) -> None:
        """Leave a text out of the inbox from now on."""
        await self._written(lambda: self._dismissed.add(text))

    async def restore(self, text: str) -> None:
        """Let a text that was dismissed be in the inbox again."""
        await self._written(lambda: self._dismissed.remove(text))

    async def _written(self, work: Callable[[], T]) -> T:
        """The result of work that writes; one after the other."""
        async with self._writing:
            return await self._of_project(work)

    async def _of_project(self, work: Callable[[], T]) -> T:
        """The result of work on the project's files.

        Raises:
            ServeError: 400, with the place of what is wrong.
        """
        try:
            return await self.server.in_thread(work)
        except DataError as error:
            raise bad_request(self._names.left_out_of(str(error))) from None
