"""Record how Rasa cleans BILOU tags up, turns tags into entities and entities into tags."""

from __future__ import annotations

from typing import Any

from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.nlu.utils.bilou_utils import (
    apply_bilou_schema,
    bilou_tags_from_offsets,
    build_tag_id_dict,
    ensure_consistent_bilou_tagging,
)
from rasa.shared.nlu.constants import INTENT, SPLIT_ENTITIES_BY_COMMA, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa_data import tokenizer, tokens_of
from recording import write_fixture

# Tags and confidences to clean up.
TAGGINGS: list[tuple[str, list[float]]] = [
    ("O O", [0.9, 0.8]),
    ("U-a O", [0.9, 0.8]),
    ("B-a L-a", [0.9, 0.8]),
    ("B-a I-a L-a", [0.9, 0.8, 0.7]),
    ("B-a I-b L-a", [0.9, 0.8, 0.7]),
    ("B-a I-b L-b", [0.9, 0.8, 0.7]),
    ("B-a I-b L-b", [0.99, 0.31, 0.3]),
    ("B-a L-b", [0.9, 0.8]),
    ("B-a L-b", [0.55, 0.8]),
    ("B-a L-b", [0.5, 0.5]),
    ("B-a I-a O", [0.9, 0.8, 0.7]),
    ("B-a O", [0.9, 0.8]),
    ("B-a", [0.6]),
    ("O B-a", [0.6, 0.5]),
    ("B-a I-a", [0.6, 0.5]),
    ("B-a I-a I-a", [0.6, 0.5, 0.4]),
    ("B-a B-a", [0.9, 0.8]),
    ("B-a B-a L-a", [0.9, 0.8, 0.7]),
    ("B-a B-b L-b", [0.9, 0.8, 0.7]),
    ("B-a U-a", [0.9, 0.8]),
    ("B-a U-b L-a", [0.9, 0.8, 0.7]),
    ("I-a L-a", [0.9, 0.8]),
    ("L-a", [0.9]),
    ("I-a", [0.9]),
    ("O I-a O", [0.9, 0.8, 0.7]),
    ("I-a B-a L-a", [0.9, 0.8, 0.7]),
    ("L-a L-a U-a", [0.9, 0.8, 0.7]),
    ("B-a I-b I-c L-d", [0.9, 0.8, 0.7, 0.6]),
    ("B-a I-b I-c L-c L-c", [0.123, 0.456, 0.789, 0.654, 0.321]),
    ("B-a I-b I-a I-b L-b U-b", [0.333, 0.444, 0.555, 0.666, 0.777, 0.888]),
    ("B-a I-a L-a B-b I-b L-b", [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]),
    ("B-a L-a L-a", [0.9, 0.8, 0.7]),
    ("B-a I-a L-b I-a", [0.2, 0.3, 0.95, 0.4]),
    ("a a O b", [0.9, 0.8, 0.7, 0.6]),
]

# Text, tags by kind, the option split_entities_by_comma.
CONVERSIONS: list[tuple[str, dict[str, str], Any]] = [
    ("from New York", {"entity": "O B-city L-city"}, True),
    ("from New York", {"entity": "O city city"}, True),
    ("paris rome", {"entity": "U-city U-city"}, True),
    ("paris rome", {"entity": "city city"}, True),
    ("paris rome", {"entity": "B-city B-city"}, True),
    ("paris rome oslo", {"entity": "I-city I-city L-city"}, True),
    ("paris rome", {"entity": "L-city L-city"}, True),
    ("paris rome", {"entity": "O L-city"}, True),
    ("paris rome", {"entity": "U-city U-name"}, True),
    ("paris rome", {"entity": "B-city I-name"}, True),
    ("paris rome", {"entity": "city name"}, True),
    ("paris rome", {"entity": "U-city I-name"}, True),
    ("paris rome", {"entity": "U-city L-name"}, True),
    ("paris rome", {"entity": "I-city I-name"}, True),
    ("paris rome oslo", {"entity": "B-city L-city L-name"}, True),
    ("paris rome", {"entity": "U-city I-city"}, True),
    ("paris rome oslo", {"entity": "I-city O I-name"}, True),
    ("paris, rome", {"entity": "city city"}, True),
    ("paris, rome", {"entity": "city city"}, False),
    ("paris, rome", {"entity": "city city"}, {"city": False}),
    ("paris, rome", {"entity": "city city"}, {"city": True}),
    ("paris, rome", {"entity": "city city"}, {"name": False}),
    ("paris, rome", {"entity": "B-city L-city"}, True),
    ("paris, rome", {"entity": "B-city L-city"}, False),
    ("paris ., rome", {"entity": "city city"}, False),
    ("paris  rome", {"entity": "city city"}, True),
    ("paris  rome", {"entity": "city city"}, False),
    ("paris    rome", {"entity": "city city"}, False),
    ("paris -- rome", {"entity": "city city"}, False),
    ("paris ; rome", {"entity": "city city"}, False),
    ("paris'rome", {"entity": "city city"}, True),
    ("Schmale Str. 5, 8001 Ort", {"entity": "B-street I-street I-street I-street L-street"}, False),
    ("Schmale Str. 5, 8001 Ort", {"entity": "B-street I-street I-street I-street L-street"}, True),
    (
        "paris to rome",
        {"entity": "U-city O U-city", "role": "U-from O U-to"},
        True,
    ),
    ("new york rome", {"entity": "B-city I-city L-city", "role": "B-from L-from U-to"}, True),
    ("new york rome", {"entity": "city city city", "role": "from from to"}, True),
    ("new york rome", {"entity": "city city city", "role": "from O O"}, True),
    ("new york rome", {"entity": "city city city", "role": "O O O", "group": "1 1 2"}, True),
    (
        "big pizza small pizza",
        {
            "entity": "U-size U-dish U-size U-dish",
            "role": "O O U-x O",
            "group": "U-1 U-1 U-2 U-2",
        },
        True,
    ),
    ("paris rome", {"entity": "O O", "role": "U-from U-to"}, True),
    ("paris and rome", {"entity": "U-city O L-city", "group": "U-1 U-1 U-2"}, True),
    ("paris", {"entity": "U-city"}, True),
    ("", {"entity": ""}, True),
    ("naïve café, 🙂 tower", {"entity": "O B-place L-place"}, False),
]

# Texts with entities to tag: (start, end, type).
ANNOTATIONS: list[tuple[str, list[tuple[int, int, str]]]] = [
    ("from New York to Rome", [(5, 13, "city"), (17, 21, "city")]),
    ("from New York, to Rome", [(5, 14, "city")]),
    ("from New York", [(5, 12, "city")]),
    ("from New York", [(4, 13, "city")]),
    ("from New York", [(0, 13, "a"), (5, 8, "b")]),
    ("one two three four", [(0, 18, "all")]),
    ("one", [(0, 3, "all")]),
    ("nothing here", []),
    ("O'Neill is here", [(0, 7, "name")]),
    ("5-star hotel", [(0, 6, "stars"), (7, 12, "kind")]),
]


def clean_up(tags: str, confidences: list[float]) -> dict[str, Any]:
    """One tagging before and after."""
    # Rasa changes the lists it is given.
    new_tags, new_confidences = ensure_consistent_bilou_tagging(tags.split(), list(confidences))
    return {
        "tags": tags.split(),
        "confidences": confidences,
        "clean_tags": new_tags,
        "clean_confidences": new_confidences,
    }


def convert(text: str, tags: dict[str, str], split: Any) -> dict[str, Any]:
    """Entities of one text, with confidences that fall from token to token."""
    tokens = tokens_of(tokenizer(), text) if text else []
    by_kind = {kind: value.split() for kind, value in tags.items()}
    for value in by_kind.values():
        assert len(value) == len(tokens), text
    confidences = {
        kind: [round(0.99 - 0.07 * i - 0.01 * offset, 2) for i in range(len(tokens))]
        for offset, kind in enumerate(by_kind)
    }
    # What DIET makes of its option `split_entities_by_comma`.
    config = (
        {SPLIT_ENTITIES_BY_COMMA: split}
        if isinstance(split, bool)
        else {
            SPLIT_ENTITIES_BY_COMMA: True,
            **split,
        }
    )
    entities = EntityExtractorMixin.convert_predictions_into_entities(
        text,
        [Token(word, start, end) for word, start, end in tokens],
        by_kind,
        config,
        confidences,
    )
    return {
        "text": text,
        "tokens": tokens,
        "tags": by_kind,
        "confidences": confidences,
        "split_entities_by_comma": split,
        "entities": entities,
    }


def annotate(text: str, entities: list[tuple[int, int, str]]) -> dict[str, Any]:
    """BILOU tags of one annotated text."""
    tokens = tokens_of(tokenizer(), text)
    tags = bilou_tags_from_offsets(
        [Token(word, start, end) for word, start, end in tokens], entities
    )
    return {"text": text, "tokens": tokens, "entities": entities, "tags": tags}


def tag_ids() -> dict[str, int]:
    """Numbers of the BILOU tags of a small data set, built as for DIET."""
    text = "one two three"
    message = Message(
        data={
            TEXT: text,
            INTENT: "x",
            "entities": [
                {"start": 0, "end": 3, "value": "one", "entity": "number"},
                {"start": 4, "end": 13, "value": "two three", "entity": "digit"},
            ],
        }
    )
    data = tokenizer().process_training_data(TrainingData([message]))
    apply_bilou_schema(data)
    return build_tag_id_dict(data)


def main() -> None:
    """Write entities.json."""
    write_fixture(
        "entities",
        "record_entities.py",
        {"extractor": "DIETClassifier's own conversion"},
        {
            "clean_up": [clean_up(*case) for case in TAGGINGS],
            "convert": [convert(*case) for case in CONVERSIONS],
            "annotate": [annotate(*case) for case in ANNOTATIONS],
            "tag_ids": tag_ids(),
        },
    )


if __name__ == "__main__":
    main()
