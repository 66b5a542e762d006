"""What the clients say: texts of the starter project with other cities, dates and codes.

The lists are fixed (the same seed gives the same texts) and long, and all clients draw from one
list in order, so that a text comes again only after all others: a cache of answers gains nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.recombine import recombine

SEED = 1
_CITIES = (
    *("Ottersea", "Silverfen", "Thornwick", "Port Hollow", "Westhaven", "Aldermoor"),
    *("Stonecross", "Kingsferry", "Lowmarsh", "Brackenby", "Quarrydale", "Millbeck"),
)
_DATES = ("today", "tomorrow", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Sunday")
_SCRIPTS = (
    (
        "hello",
        "I want to travel from {a} to {b} on {date}",
        "yes please",
        "thank you very much",
        "bye",
    ),
    ("hi there", "I would like to book a trip", "from {a}", "to {b}", "on {date}", "yes", "thanks"),
    (
        "good morning",
        "how much is a ticket from {a} to {b}",
        "when is the next train to {b}",
        "book a ticket from {a} to {b} for {date}",
        "no",
        "goodbye",
    ),
    (
        "hey there",
        "which platform does the train to {a} leave from",
        "is the train to {b} delayed",
        "can I bring my dog on the train",
        "many thanks for your help",
    ),
    (
        "what can you do",
        "I need a ticket to {b}",
        "we leave from {a}",
        "can I take a bicycle with me",
        "{date}",
        "yes please",
        "see you later",
    ),
    (
        "hello again",
        "I lost my umbrella on the train to {a}",
        "are there toilets at {b} station",
        "I want to talk to a human",
        "thanks a lot",
        "have a nice day",
    ),
)


def parse_texts(project: Path, n_texts: int) -> list[str]:
    """Different texts, made from the project's training examples."""
    from gossamer.data import read_training_data

    sources = read_training_data(project / "data" / "nlu.yml")
    n_intents = len({example.intent for example in sources.examples})
    made = recombine(sources, n_texts, n_intents=n_intents, seed=SEED)
    texts = [example.text for example in made.examples]
    random.Random(SEED).shuffle(texts)
    return texts


def conversations(n_conversations: int) -> list[list[str]]:
    """What is said in each conversation; the scripts take turns."""
    rng = random.Random(SEED)
    made = []
    for number in range(n_conversations):
        a, b = rng.sample(_CITIES, 2)
        date = rng.choice(_DATES)
        script = _SCRIPTS[number % len(_SCRIPTS)]
        made.append([text.format(a=a, b=b, date=date) for text in script])
    return made


def responses(project: Path) -> dict[str, list[str]]:
    """The variants of each response of the project's domain."""
    from ruamel.yaml import YAML

    domain = YAML(typ="safe").load((project / "domain.yml").read_text(encoding="utf-8"))
    found: dict[str, Sequence[dict[str, Any]]] = domain["responses"]
    return {name: [variant["text"] for variant in variants] for name, variants in found.items()}
