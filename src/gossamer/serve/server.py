"""The server without HTTP: the model that answers, the threads that work, the conversations."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gossamer.data.credentials import Channel as ChannelOptions
from gossamer.data.credentials import read_credentials
from gossamer.data.endpoints import Endpoints, read_endpoints
from gossamer.data.model_files import latest_model
from gossamer.dialogue.actions.actions_here import custom_actions
from gossamer.dialogue.actions.nlg_server import NlgServer
from gossamer.dialogue.history.events import BotUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.runtime.turn import Turn
from gossamer.dialogue.runtime.turn_runner import MessageListener, TurnRunner
from gossamer.nlu.pipeline.parse import Parse
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.serve.brokers import publisher_of
from gossamer.serve.conversations import StoredConversations, TurnWork
from gossamer.serve.errors import bad_request
from gossamer.serve.metrics import Metrics
from gossamer.serve.models.current import CurrentModel, LoadedModel, loaded_model
from gossamer.serve.observed import TurnObserver
from gossamer.serve.outgoing import Outgoing
from gossamer.serve.settings import ServerSettings
from gossamer.serve.store.address import open_store
from gossamer.serve.store.reminders import Reminder
from gossamer.serve.store.tables import ID_LENGTH
from gossamer.serve.training.jobs import Jobs
from gossamer.serve.work.batcher import ParseBatcher
from gossamer.serve.work.order import ConversationOrder

if TYPE_CHECKING:
    from gossamer.serve.workers.link import Link

T = TypeVar("T")
_AT_A_TIME: Final = 32


class Server:
    """An assistant that many people talk with at once. Its coroutines never block the loop.

    Args:
        settings: what it is told.
        link: to the other processes that answer; None: there are none.

    Attributes:
        settings: as given.
        endpoints: what `endpoints.yml` says.
        credentials: what `credentials.yml` says; None: there is none.
        channels: those through which messages can be sent, by name; the application adds them.
        publisher: gives events to the event broker, or None.
        models: the model that answers.
        swapping: is held while another model takes its place.
        store: where conversations are.
        order: which messages wait for which.
        jobs: processes that train and test.
        metrics: what is counted.
        on_delete: called when a conversation was deleted.

    Raises:
        InputError: a file of the settings cannot be used.
    """

    def __init__(self, settings: ServerSettings, link: Link | None = None) -> None:
        self.settings = settings
        self._link = link
        self.endpoints = (
            Endpoints() if settings.endpoints is None else read_endpoints(settings.endpoints)
        )
        self.credentials: Mapping[str, ChannelOptions] | None = (
            None if settings.credentials is None else read_credentials(settings.credentials)
        )
        self.channels: Mapping[str, Outgoing] = {}
        self._custom = custom_actions(self.endpoints.action)
        self.on_delete: Callable[[], None] = lambda: None
        self.metrics = Metrics()
        self._turns = TurnObserver(self.metrics, log_texts=settings.log_texts)
        self._batcher = ParseBatcher(on_batch=self.metrics.batch)
        broker = self.endpoints.event_broker
        self.publisher = None if broker is None else publisher_of(broker)
        self.models = CurrentModel()
        self.swapping = asyncio.Lock()
        self._loads: set[asyncio.Task[LoadedModel]] = set()
        self.store = open_store(self.endpoints)
        self.jobs = Jobs(settings.limits.training_jobs)
        self.order = ConversationOrder(settings.limits.waiting)
        self.conversations = StoredConversations(
            self.store,
            lease_wait=settings.limits.lease_wait,
            on_lease=self.metrics.lease_wait,
            on_stored=None if self.publisher is None else self.publisher.put,
        )
        self.metrics.watch(self.models, self.order, self.jobs)
        # One for each turn that may be there: all may wait for an action server that hangs.
        self._threads = ThreadPoolExecutor(settings.limits.waiting, "turn")

    def load(self, path: Path) -> LoadedModel:
        """Read a model; blocks.

        Args:
            path: a file, or a folder: its latest model.

        Raises:
            InputError: there is none, or it cannot be read.
        """
        return loaded_model(
            latest_model(path),
            self._parse_now,
            config=self.settings.config,
            custom=self._custom,
            nlg=None if self.endpoints.nlg is None else NlgServer(self.endpoints.nlg),
            random_seed=self.settings.random_seed,
        )

    def use(self, model: LoadedModel | None) -> None:
        """From now on another model answers in this process, or none."""
        self.models.swap(model)

    async def use_everywhere(self, model: LoadedModel | None) -> None:
        """From now on another model answers, or none, in all processes."""
        link = self._link
        if link is None:
            self.use(model)
        else:
            await self.in_thread(lambda: link.use_model(model))

    def own_metrics(self) -> bytes:
        """What this process counts, as Prometheus reads it."""
        return self.metrics.render()

    async def all_metrics(self) -> bytes:
        """What all processes count."""
        link = self._link
        return await self.in_thread(self.own_metrics if link is None else link.metrics)

    async def started(self) -> None:
        """It can answer from now on; returns when it may."""
        link = self._link
        if link is not None:
            await self.in_thread(lambda: link.start(self))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """The result of work that blocks."""
        context = contextvars.copy_context()  # the log knows the request there, too
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, work)

    async def parse(self, text: str, *, is_counted: bool = True) -> Parse:
        """Understand a text, together with others that arrive now.

        Args:
            text: the text.
            is_counted: whether it is a user's, and counts in the metrics.

        Raises:
            ServeError: no model is loaded, or the text is too long.
        """
        model = self.models.get()
        self.check_text(text)
        parse = await self._batcher.parse(model.pipeline, text)
        if is_counted:
            self.metrics.parse(parse)
        return parse

    async def handle(
        self,
        text: str,
        sender_id: str,
        *,
        channel: str,
        metadata: Mapping[str, Any] | None = None,
        message_id: str | None = None,
        on_message: MessageListener | None = None,
    ) -> Turn:
        """Take a user's message and do what follows; what happened is stored before this returns.

        Args:
            text: the message.
            sender_id: whose conversation.
            channel: where it came from.
            metadata: kept with it.
            message_id: its number in the channel; one that was answered is not handled again.
            on_message: called, in another thread, with each message of the assistant as soon as
                it is said, before it is stored.

        Raises:
            ServeError: no model is loaded, it is no dialogue model, the text is too long, or too
                many messages are waiting.
            StoreError: nothing of the turn is stored.
        """
        self.check_text(text)

        def work(runner: TurnRunner, tracker: Tracker) -> tuple[Tracker, Turn]:
            return runner.handle(
                tracker,
                text,
                channel=channel,
                metadata=metadata,
                message_id=message_id,
                on_message=on_message,
            )

        return await self.turn(sender_id, work, message_id=message_id, is_parsed=True)

    async def turn(
        self,
        sender_id: str,
        work: TurnWork,
        *,
        message_id: str | None = None,
        reminder: Reminder | None = None,
        is_parsed: bool = False,
    ) -> Turn:
        """Run a turn of a conversation, after those that came before.

        Args as for `StoredConversations.run`, and:
            is_parsed: whether the turn begins with a text that is parsed.

        Raises:
            ServeError, StoreError: as for `handle`.
        """
        self.models.get()
        self.check_sender(sender_id)
        async with self.order.turn_of(sender_id):
            model = self.models.get()

            def run() -> Turn:
                with self._batcher.expecting() if is_parsed else nullcontext():
                    return self.conversations.run(
                        model, sender_id, work, message_id=message_id, reminder=reminder
                    )

            return await self._turns.of(sender_id, self.in_thread(run))

    async def send(
        self, sender_id: str, channel: str | None, messages: Sequence[BotUttered]
    ) -> bool:
        """Send messages that answer no request: of a reminder, or of another program.

        Args:
            sender_id: whom they are for.
            channel: the name of a channel; None, or one that is not there: none can.
            messages: in order.

        Returns:
            Whether they are sent. Else the channel cannot, or nobody is connected.
        """
        found = None if channel is None else self.channels.get(channel)
        return found is not None and await found.send(sender_id, messages)

    async def tracker(self, sender_id: str) -> Tracker:
        """A conversation as it is stored."""
        model = self.models.get()
        self.check_sender(sender_id)
        return await self.in_thread(lambda: self.conversations.tracker(model, sender_id))

    async def swap(self, path: Path, *, put: Callable[[], Path] | None = None) -> LoadedModel:
        """Load a model, which answers from then on; requests that began end with the old one.

        Loads come one after the other, in the order of the calls. One that has begun goes on when
        the caller is cancelled.

        Args:
            path: a file, or a folder: its latest model.
            put: puts the file where it is to be found at the next start, and gives where that is;
                called once it is known that the model can be read, before it answers.

        Raises:
            InputError: it cannot be read, or put there; the old one stays.
        """

        def work() -> LoadedModel:
            loaded = self.load(path)
            return loaded if put is None else replace(loaded, path=put())

        async def load() -> LoadedModel:
            async with self.swapping:
                loaded = await self.in_thread(work)
                await self.use_everywhere(loaded)
            return loaded

        task = asyncio.create_task(load())
        self._loads.add(task)
        task.add_done_callback(self._loads.discard)
        return await asyncio.shield(task)

    async def delete(self, sender_id: str) -> int:
        """Delete a conversation, with its reminders; gives how many events it had.

        Turns that began come before. One that another server runs meanwhile is not stored.
        """
        async with self.order.turn_of(sender_id):
            n_events = await self.in_thread(lambda: self.conversations.delete(sender_id))
        self.on_delete()
        return n_events

    def check_text(self, text: str) -> None:
        """Refuse a text that is too long.

        Raises:
            ServeError: 400.
        """
        limit = self.settings.limits.text
        if len(text) > limit:
            raise bad_request(f"a message may have {limit} characters (got {len(text)})")

    def check_sender(self, sender_id: str) -> None:
        """Refuse a name of a conversation that a database may not hold.

        Raises:
            ServeError: 400.
        """
        if len(sender_id) > ID_LENGTH or "\0" in sender_id:
            raise bad_request(
                f"a sender may have {ID_LENGTH} characters, none of them NUL (got {len(sender_id)})"
            )

    def close(self) -> None:
        """Finish what was begun, then end; blocks."""
        self._threads.shutdown()
        self._batcher.close()
        self.store.close()
        if self.publisher is not None:
            self.publisher.close()

    def parse_many(self, pipeline: Pipeline, texts: Sequence[str]) -> list[Parse]:
        """Understand texts that nobody waits for; those of users come in between. Blocks."""
        parses: list[Parse] = []
        for start in range(0, len(texts), _AT_A_TIME):
            some = texts[start : start + _AT_A_TIME]
            waiting = [self._batcher.submit(pipeline, text) for text in some]
            parses += [each.result() for each in waiting]
        return parses

    def _parse_now(self, pipeline: Pipeline, text: str) -> Parse:
        return self._batcher.submit(pipeline, text).result()
