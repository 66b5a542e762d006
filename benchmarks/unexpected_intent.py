"""How often UnexpecTEDIntentPolicy fires where it should and should not, and how long it trains.

A part of the stories is kept from training. At every message of the stories that were trained, and
of those that were kept, the policy is asked twice: with the message's intent ("right"), and with an
intent drawn from those that no training story has after the same states ("wrong"). The figures are
shares of these messages that it finds unlikely. Seconds are those of training, by the clock and of
the processor; with `--ted` also TED's on the same stories.

    python benchmarks/unexpected_intent.py --domain domain.yml --stories data/stories \
        --responses data/nlu --max-history 5 --epochs 100 --seeds 0,1,2
    python benchmarks/unexpected_intent.py ... --option scale_loss=false --augmentation 0
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from support import plain_errors

from gossamer.data import read_domain, read_stories, read_training_data, split_stories
from gossamer.data.domain.domain import Domain
from gossamer.data.stories.steps import StoryData
from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData, Policy
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.policy import TEDPolicy
from gossamer.dialogue.policies.unexpected_intent.options import UnexpecTEDIntentOptions
from gossamer.dialogue.policies.unexpected_intent.policy import UnexpecTEDIntentPolicy
from gossamer.dialogue.training.examples import intent_examples, states_before_message
from gossamer.dialogue.training.unfolding import unfold_stories


def trained(policy: Policy, data: DialogueData) -> tuple[float, float]:
    """Train; seconds by the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    policy.train(data)
    return time.perf_counter() - clock, time.process_time() - processor


def points(stories: StoryData, domain: Domain) -> Iterator[tuple[Tracker, UserUttered]]:
    """Conversations before a message of a story, and the message."""
    for story in unfold_stories(stories, domain, augmentation_factor=0):
        tracker = Tracker(domain.slots)
        for event in story.tracker.events:
            if isinstance(event, UserUttered) and event.intent in domain.intent_names:
                yield tracker.fork(), event
            tracker.update(event)


def alarms(
    policy: UnexpecTEDIntentPolicy,
    stories: StoryData,
    domain: Domain,
    draw: Callable[[Tracker, UserUttered], str | None],
) -> float:
    """Share of the messages that are found unlikely, their intents drawn anew."""
    fired = []
    for tracker, message in points(stories, domain):
        intent = draw(tracker, message)
        if intent is not None:
            tracker.update(dataclasses.replace(message, intent=intent))
            fired.append(policy.predict(tracker).confidence > 0)
    return sum(fired) / len(fired)


def run(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train once and count."""
    domain = read_domain(options.domain)
    if options.responses:
        domain = domain.with_responses(read_training_data(options.responses).responses)
    written = StoryData(stories=read_stories(options.stories).stories)  # rules do not count
    stories, kept = split_stories(written, 1.0 - options.keep, random_seed=options.split_seed)
    unfolded = unfold_stories(stories, domain, augmentation_factor=options.augmentation)
    data = DialogueData(domain=domain, stories=unfolded)
    common = {"max_history": options.max_history, "epochs": options.epochs, "random_seed": seed}
    given = {**common, "tolerance": options.tolerance, **dict(options.option)}
    policy = UnexpecTEDIntentPolicy(UnexpecTEDIntentOptions(**given))
    seconds, processor = trained(policy, data)
    row: dict[str, Any] = {"seed": seed, "seconds": seconds, "processor_seconds": processor}
    if options.ted:
        ted = TEDPolicy(TEDOptions(**common, constrain_similarities=True))
        row["ted_seconds"], row["ted_processor_seconds"] = trained(ted, data)
    found = intent_examples(
        (story.tracker for story in unfolded), domain, max_history=options.max_history
    )
    known = sorted({intent for intents in found.values() for intent in intents})
    rng = Random(seed)

    def wrong(tracker: Tracker, message: UserUttered) -> str | None:
        tracker = tracker.fork()
        tracker.update(message)
        states = states_before_message(tracker, domain, max_history=options.max_history)
        right = {message.intent, *found.get(states, ())}
        others = [intent for intent in known if intent not in right]
        return rng.choice(others) if others else None

    row |= {"stories": len(unfolded), "points": len(found), "intents": len(known)}
    for name, part in (("trained", stories), ("kept", kept)):
        row[f"{name}_right"] = alarms(policy, part, domain, lambda _, message: message.intent)
        row[f"{name}_wrong"] = alarms(policy, part, domain, wrong)
    return row


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    paths: dict[str, Any] = {"type": Path, "nargs": "+"}
    parser.add_argument("--domain", required=True, **paths)
    parser.add_argument("--stories", required=True, **paths)
    parser.add_argument("--responses", help="NLU data with responses of the domain", **paths)
    parser.add_argument("--keep", type=float, default=0.2, help="share of the stories kept back")
    parser.add_argument("--split-seed", type=int, default=42)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--max-history", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=0.0)
    parser.add_argument("--augmentation", type=int, default=50)
    parser.add_argument("--seeds", type=lambda text: map(int, text.split(",")), default=(0,))
    parser.add_argument("--option", type=_option, action="append", default=[], metavar="NAME=JSON")
    parser.add_argument("--ted", action="store_true", help="train TED beside it")
    return parser.parse_args()


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


def main() -> None:
    """Run each seed and print what it gave."""
    options = parse_arguments()
    for seed in options.seeds:
        row = run(options, seed)
        print(
            json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}),
            flush=True,
        )


if __name__ == "__main__":
    plain_errors.run(main)
