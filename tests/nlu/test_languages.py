"""Texts of other scripts through a whole pipeline: words stay whole, and offsets are right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.assistant import Assistant
from gossamer.data import (
    ComponentConfig,
    Example,
    LookupTable,
    ProjectConfig,
    TrainingData,
    read_project,
)
from gossamer.data.nlu.examples import Entity
from gossamer.nlu.featurizers.count_vectors_featurizer import CountVectorsFeaturizer
from gossamer.nlu.featurizers.patterns import compile_pattern, lookup_pattern
from gossamer.nlu.pipeline.messages import MessageBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)
from tests.conftest import TINY_DIET

FOLDER = Path(__file__).parents[1] / "languages"

# A text and its words, as a reader of the language sees them.
TEXTS = {
    "Hindi": ("नमस्ते दुनिया, आप कैसे हैं?", ["नमस्ते", "दुनिया", "आप", "कैसे", "हैं"]),
    "Hindi with a joiner": ("क्\u200dष है", ["क्\u200dष", "है"]),
    "Tamil": ("வணக்கம் உலகம்!", ["வணக்கம்", "உலகம்"]),
    "Arabic": ("السَّلَامُ عَلَيْكُم، كيف الحال؟", ["السَّلَامُ", "عَلَيْكُم", "كيف", "الحال"]),
    "Persian": ("می\u200cخواهم بروم.", ["می\u200cخواهم", "بروم"]),
    "right to left": ("\u200fمرحبا\u200f «بالعالم»\u200f", ["مرحبا", "بالعالم"]),
    "Hebrew": ("שָׁלוֹם\u200e, עולם!", ["שָׁלוֹם", "עולם"]),
    "isolates": ("say \u2067שלום\u2069 now", ["say", "שלום", "now"]),
    "Thai": ("สวัสดี ครับ", ["สวัสดี", "ครับ"]),
    "Korean": ("안녕하세요 세계!", ["안녕하세요", "세계"]),
    "Japanese": ("こんにちは 世界 hello", ["こんにちは", "世界", "hello"]),
    "Chinese": ("你好 世界", ["你好", "世界"]),
    "full width": ("ＡＢＣ １２", ["ＡＢＣ", "１２"]),
    "combining": ("cafe\u0301 e\u0301te\u0301", ["cafe\u0301", "e\u0301te\u0301"]),
    "a soft hyphen": ("co\u00adoperate now", ["co\u00adoperate", "now"]),
    "emoji": ("ok 👩‍👧 👍🏽 fine❤️", ["ok", "fine"]),
    "half a pair": ("hi \ud83d there", ["hi", "there"]),
}


def tokenizer(**options: bool) -> WhitespaceTokenizer:
    return WhitespaceTokenizer(WhitespaceTokenizerOptions(**options))


@pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS)
def test_words_are_whole(text: str, words: list[str]) -> None:
    tokens = tokenizer().tokenize(text)
    assert [token.text for token in tokens] == words
    assert all(token.text == text[token.start : token.end] for token in tokens)


@given(st.text(st.sampled_from("aम्ते\u200d\u200f\u00ad안好สั\ud83d👩 ,.'5\u0301"), max_size=12))
def test_offsets_are_right_whatever_the_signs(text: str) -> None:
    tokens = tokenizer().tokenize(text)
    end = 0
    for token in tokens:
        assert token.text == text[token.start : token.end] != ""
        assert end <= token.start
        end = token.end
    assert bool(tokens) == bool(text.strip())


def vocabulary(text: str, *, rasa_defaults: bool = False) -> list[str]:
    example = Example(text=text, intent="a")
    pipeline = Pipeline.from_config(
        ProjectConfig(
            pipeline=(
                ComponentConfig(name="WhitespaceTokenizer"),
                ComponentConfig(
                    name="CountVectorsFeaturizer",
                    options={"rasa_defaults": rasa_defaults, "max_ngram": 1},
                ),
            )
        )
    )
    pipeline.train(TrainingData(examples=(example,)))
    counts = pipeline.components[1]
    assert isinstance(counts, CountVectorsFeaturizer)
    return list(counts.vocabulary)


def test_words_are_counted_whole() -> None:
    assert vocabulary("नमस्ते दुनिया") == ["दुनिया", "नमस्ते"]
    assert vocabulary("می\u200cخواهم") == ["می\u200cخواهم"]
    assert vocabulary("co\u00adoperate שלום\u200f") == ["cooperate", "שלום"]
    assert vocabulary("नमस्ते", rasa_defaults=True) == ["त", "नमस"]


@pytest.mark.parametrize(
    ("element", "text", "is_found"),
    [
        ("नमस्ते", "नमस्ते दुनिया", True),
        ("नमस", "नमस्ते दुनिया", False),
        ("ते", "नमस्ते दुनिया", False),
        ("दुनिया", "नमस्ते दुनिया!", True),
        ("กิน", "กิน ข้าว", True),
        ("Köln", "nach Köln.", True),
    ],
)
def test_elements_of_lookup_tables_are_whole_words(element: str, text: str, is_found: bool) -> None:
    source = lookup_pattern([element, "xyz"], use_word_boundaries=True, case_sensitive=False)
    pattern = compile_pattern("table", source, case_sensitive=False)
    assert bool(pattern.regex.spans(text)) == is_found


def test_a_keyword_may_end_in_a_vowel_sign() -> None:
    config = ProjectConfig(pipeline=(ComponentConfig(name="KeywordIntentClassifier"),))
    pipeline = Pipeline.from_config(config)
    examples = (Example(text="नमस्ते", intent="greet"), Example(text="नम", intent="other"))
    pipeline.train(TrainingData(examples=examples))
    assert pipeline.parse(["नमस्ते दुनिया"])[0].intent.name == "greet"


def test_all_scripts_through_a_whole_pipeline() -> None:
    """Every word of every text is an entity, and all are found again where they are."""
    examples = []
    for name, (text, _) in TEXTS.items():
        token = tokenizer().tokenize(text)[0]
        entity = Entity(start=token.start, end=token.end, entity="first", value=token.text)
        examples.append(Example(text=text, intent=name, entities=(entity,)))
    data = TrainingData(
        examples=tuple(examples), lookups=(LookupTable(name="x", elements=("நமஸ்", "नमस")),)
    )
    names = ("WhitespaceTokenizer", "RegexFeaturizer", "LexicalSyntacticFeaturizer")
    options = {**TINY_DIET, "epochs": 30, "learning_rate": 0.02}
    config = ProjectConfig(
        pipeline=(
            *(ComponentConfig(name=name) for name in names),
            ComponentConfig(name="CountVectorsFeaturizer"),
            ComponentConfig(name="DIETClassifier", options=options),
        )
    )
    pipeline = Pipeline.from_config(config)
    pipeline.train(data)
    for example, parse in zip(examples, pipeline.parse([e.text for e in examples]), strict=True):
        for entity in parse.entities:
            assert entity.value == example.text[entity.start : entity.end]
        spans = {(token.start, token.end) for token in parse.tokens}
        assert {(e.start, e.end) for e in parse.entities if len(parse.tokens) == 1} <= spans
    batch = MessageBatch(texts=[])
    pipeline.components[0].process(batch)
    found = sum(bool(parse.entities) for parse in pipeline.parse([e.text for e in examples]))
    assert found > len(examples) / 2


@pytest.mark.parametrize(
    ("language", "talk"),
    [
        (
            "german",
            {
                "Grüß Gott!": "Grüß Gott! Was darf es sein?",
                "ich möchte einen Käsekuchen, bitte": "Einmal Käsekuchen, kommt sofort.",
                "wann schließt das Geschäft?": "Wir haben von früh um sechs bis abends um fünf "
                "geöffnet.",
            },
        ),
        (
            "chinese",
            {
                "您好！": "您好，请问想喝点什么？",
                "请来一壶云雾银针": "好的，一壶云雾银针，马上来。",
                "周末几点开门？": "我们早上八点开门，晚上十点关门。",
            },
        ),
    ],
)
def test_a_small_assistant(
    language: str, talk: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if language == "chinese":
        pytest.importorskip("jieba")
    monkeypatch.chdir(FOLDER / language)
    project = read_project("config.yml", ["nlu.yml", "stories.yml"], ["domain.yml"])
    path = Assistant.train_project(project).save(tmp_path / "model.gossamer")
    monkeypatch.chdir(tmp_path)  # without the dictionary
    conversation = Assistant.load(path).conversations(random_seed=1)
    for said, answer in talk.items():
        assert [message.text for message in conversation.handle(said).messages] == [answer]
