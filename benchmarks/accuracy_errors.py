"""Where our network goes wrong on held-out data, to be read.

    python benchmarks/accuracy_errors.py --data sara --seed 1

Prints the commonest confusions of intents with texts, and entities that were missed, made up or
given another label, with the share whose words the training data does not know. What
docs/accuracy/errors.md says was found by reading this.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from accuracy_parts.data import DATA_SETS, load
from accuracy_parts.metrics import overlap
from accuracy_parts.runs import Task, check_task, config_of
from support.plain_errors import run

from gossamer.assistant import Assistant
from gossamer.data import Example, config_from_dict
from gossamer.evaluate.spans import Span, spans
from gossamer.nlu.pipeline.messages import Parse


def intent_confusions(
    examples: Sequence[Example], parses: Sequence[Parse]
) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """Texts and confidences of each pair of an intent and another that was predicted for it."""
    found: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for example, parse in zip(examples, parses, strict=True):
        if example.base_intent is not None and parse.intent.name != example.base_intent:
            pair = (example.base_intent, str(parse.intent.name))
            found[pair].append((example.text, parse.intent.confidence))
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def entity_faults(
    examples: Sequence[Example], parses: Sequence[Parse]
) -> Iterator[tuple[str, str, Span]]:
    """Kind of fault, text and span of each entity that is not right.

    A span is "missed" or "made up" where the other side has nothing that overlaps it, "type" where
    the borders fit, "borders" where they do not.
    """
    for example, parse in zip(examples, parses, strict=True):
        gold, found = spans(example.entities), spans(parse.entities)
        for span in sorted(gold - found):
            yield _kind(span, found, "missed"), example.text, span
        for span in sorted(found - gold):
            if not any(overlap(span, other) for other in gold):
                yield "made up", example.text, span


def _kind(span: Span, others: set[Span], none: str) -> str:
    touching = [other for other in others if overlap(span, other)]
    if not touching:
        return none
    same = [other for other in touching if other[:2] == span[:2]]
    return f"type: {span[2]} as {same[0][2]}" if same else f"borders: {span[2]}"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def main() -> None:
    """Train, answer, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", choices=sorted(DATA_SETS), default="sara")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=25, help="of each kind (default: 25)")
    parser.add_argument("--data-folder", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    task = Task(
        data=args.data,
        part="dev",
        contestant="ours-20",
        seed=args.seed,
        data_folder=str(args.data_folder),
    )
    check_task(task)
    train, held_out = load(DATA_SETS[args.data], "dev", args.data_folder)
    assistant = Assistant.train(config_from_dict(config_of(task)), train, random_seed=args.seed)
    examples = held_out.unique_examples()
    parses = assistant.parse_many([example.text for example in examples])
    _print_intents(examples, parses, args.most)
    known = {word for example in train.examples for word in _words(example.text)}
    _print_entities(examples, parses, known, args.most)


def _print_intents(examples: Sequence[Example], parses: Sequence[Parse], most: int) -> None:
    confusions = intent_confusions(examples, parses)
    wrong = sum(map(len, confusions.values()))
    print(f"{wrong} of {len(examples)} intents wrong, in {len(confusions)} pairs\n")
    for (gold, predicted), texts in list(confusions.items())[:most]:
        print(f"{len(texts):4}  {gold} -> {predicted}")
        for text, confidence in sorted(texts, key=lambda item: -item[1])[:4]:
            print(f"        {confidence:.2f}  {text[:110]}")


def _print_entities(
    examples: Sequence[Example], parses: Sequence[Parse], known: set[str], most: int
) -> None:
    faults = list(entity_faults(examples, parses))
    n_new = sum(not set(_words(text[start:end])) <= known for _, text, (start, end, _) in faults)
    print(f"\n{len(faults)} entity faults; of {n_new} a word does not occur in training\n")
    of_kind: dict[str, list[tuple[str, Span]]] = defaultdict(list)
    for kind, text, span in faults:
        of_kind[kind if ":" in kind else f"{kind}: {span[2]}"].append((text, span))
    for kind, number in Counter({k: len(v) for k, v in of_kind.items()}).most_common(most):
        print(f"{number:4}  {kind}")
        for text, (start, end, _) in of_kind[kind][:4]:
            print(f"        {text[:start]}[{text[start:end]}]{text[end:]}"[:120])


if __name__ == "__main__":
    run(main)
