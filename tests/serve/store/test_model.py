"""Any order of leases, writes and losses does to a database what it does to a list."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gossamer.serve.store import ConversationBusy, ConversationStore, Lease, LeaseLost

EVENTS = st.lists(
    st.fixed_dictionaries(
        {"event": st.sampled_from(["user", "bot", "slot"])},
        optional={"text": st.text(max_size=5), "timestamp": st.floats(0, 1e10)},
    ),
    max_size=3,
)
SENDERS = st.sampled_from(["anna", "ben"])


class Held:
    """A lease that some holder thinks it has."""

    def __init__(self, context: AbstractContextManager[Lease]) -> None:
        self.context = context
        self.lease = context.__enter__()


class StoreMachine(RuleBasedStateMachine):
    """A store beside the lists and counters that it must be like."""

    def __init__(self) -> None:
        super().__init__()
        self.store = ConversationStore.open("sqlite://")
        self.events: dict[str, list[dict[str, Any]]] = {"anna": [], "ben": []}
        self.holder: dict[str, Held | None] = {"anna": None, "ben": None}
        self.last_fence: dict[str, int] = {}
        self.leases: list[Held] = []

    @rule(sender=SENDERS)
    def take(self, sender: str) -> None:
        context = self.store.lease(sender, wait=0.0)
        if self.holder[sender] is not None:
            with pytest.raises(ConversationBusy):
                context.__enter__()
            return
        held = Held(context)
        if sender in self.last_fence:
            assert held.lease.previous_fence_is(self.last_fence[sender])
        self.last_fence[sender] = held.lease.fence
        self.holder[sender] = held
        self.leases.append(held)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), events=EVENTS, replaces=st.booleans(), release=st.booleans())
    def write(
        self, data: st.DataObject, events: Sequence[dict[str, Any]], replaces: bool, release: bool
    ) -> None:
        held = data.draw(st.sampled_from(self.leases))
        lease, sender = held.lease, held.lease.sender_id
        write = lease.replace if replaces else lease.append
        if lease.fence != self.last_fence[sender]:
            with pytest.raises(LeaseLost):
                write(events, release=release)
            assert lease.is_lost
            return
        write(events, release=release)
        kept = [] if replaces else self.events[sender]
        self.events[sender] = [*kept, *events]
        if release:
            self.holder[sender] = None

    @rule(sender=SENDERS)
    def leave(self, sender: str) -> None:
        held = self.holder[sender]
        if held is not None:
            held.context.__exit__(None, None, None)
            self.holder[sender] = None

    @rule(sender=SENDERS)
    def run_out(self, sender: str) -> None:
        """The holder was stopped for so long that its lease ran out."""
        sql = f"UPDATE gossamer_conversations SET lease_until = 0 WHERE sender_id = '{sender}'"
        self.store._database.write(lambda c: c.exec_driver_sql(sql))
        self.holder[sender] = None

    @invariant()
    def the_events_are_those(self) -> None:
        for sender, events in self.events.items():
            assert self.store.events(sender) == events
        assert self.store.senders(5) == [each for each in self.events if self.events[each]]

    def teardown(self) -> None:
        for held in self.leases:
            held.context.__exit__(None, None, None)
        self.store.close()


StoreMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=15)
test_a_store_is_like_lists = StoreMachine.TestCase
