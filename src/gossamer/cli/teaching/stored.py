"""Stored conversations, out of files or out of the database of the server."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gossamer.data.domain.slots import Slot
    from gossamer.dialogue.history.tracker import Tracker
    from gossamer.teach import TaughtProject


def trackers_of_files(paths: Sequence[Path], project: TaughtProject) -> list[Tracker]:
    """Conversations in files.

    Raises:
        DataError: a file is missing, or holds no conversations.
    """
    from gossamer.dialogue.history.tracker_files import load_trackers

    slots = _slots(project)
    with _slots_may_lack():
        return [tracker for path in paths for tracker in load_trackers(path, slots)]


def trackers_of_database(endpoints: Path | None, project: TaughtProject) -> list[Tracker]:
    """The newest conversations that a server stored.

    Args:
        endpoints: names the database; None: `endpoints.yml` if it exists.
        project: its slots.

    Raises:
        InputError: there is no such database, or its driver is not installed.
        StoreUnavailable: it does not answer, or is none.
    """
    from gossamer.cli.models import endpoints_of
    from gossamer.data.installed import SERVING, require

    require("the database of conversations", *SERVING)

    from gossamer.dialogue.history.tracker import Tracker
    from gossamer.serve.store.address import opened_store
    from gossamer.serve.teaching.stored import MOST_MESSAGES, newest_trackers

    slots = _slots(project)
    store = opened_store(endpoints_of(endpoints, "tracker_store"))
    try:
        with _slots_may_lack():
            return newest_trackers(store, lambda sender: Tracker(slots, sender), MOST_MESSAGES)
    finally:
        store.close()


def _slots(project: TaughtProject) -> Sequence[Slot]:
    from gossamer.data.domain.reading import read_domain

    domain = [path for path in project.domain if path.exists()]
    return read_domain(domain).slots if domain else ()


@contextmanager
def _slots_may_lack() -> Iterator[None]:
    """Conversations may be older than the domain; the inbox does not ask for slots."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the slot '.*' is not declared in the domain")
        yield
