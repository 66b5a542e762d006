from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gossamer.nlu.pipeline.messages import MessageBatch, Token, TrainingBatch
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)


def tokenizer(**options: object) -> WhitespaceTokenizer:
    return WhitespaceTokenizer(WhitespaceTokenizerOptions.model_validate(options))


def words(text: str, **options: object) -> list[str]:
    return [token.text for token in tokenizer(**options).tokenize(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Forecast for lunch", ["Forecast", "for", "lunch"]),
        ("hey ńöñàśçií how're you?", ["hey", "ńöñàśçií", "how", "re", "you"]),
        ("it's", ["it", "s"]),
        ("it’s fine!", ["it", "s", "fine"]),
        ("10'000.00 francs", ["10'000.00", "francs"]),
        ("write a@b.com or me@c.org.", ["write", "a@b.com", "or", "me@c.org"]),
        (
            "see https://www.example.com/a_b?q=1&r=2#top now",
            ["see", "https://www.example.com/a_b?q=1&r=2#top", "now"],
        ),
        ("x-y $5 $$5 #tag -5", ["x-y", "$5", "$5", "#tag", "-5"]),
        ("20$ (maybe)", ["20", "maybe"]),
        ("Hi. My name is rasa", ["Hi", "My", "name", "is", "rasa"]),
        ("(a, b); c...", ["a", "b", "c"]),
        ("good morning 👋🏽", ["good", "morning"]),
        ("🙂🙂", ["🙂🙂"]),
        (":)", [":)"]),
        ("?!", ["?!"]),
        ("ok👍", ["ok"]),
        ("a\tb\nc", ["a", "b", "c"]),
        ("안녕 hello", ["안녕", "hello"]),
        ("안녕 하세요", ["안녕", "하세요"]),
        ("", []),
        (" \t\n", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_offsets_of_repeated_words() -> None:
    assert tokenizer().tokenize("no, no  no") == [
        Token("no", 0, 2),
        Token("no", 4, 6),
        Token("no", 8, 10),
    ]


@given(st.text(st.sampled_from("ab1 _.,'$-#@&?!(/👍é\n안") | st.characters(), max_size=25))
def test_tokens_are_slices_in_order_without_overlap(text: str) -> None:
    tokens = tokenizer().tokenize(text)
    assert bool(tokens) == bool(text.strip())
    end = 0
    for token in tokens:
        assert token.text == text[token.start : token.end]
        assert end <= token.start < token.end
        end = token.end
    if len(tokens) > 1:
        assert not any(char.isspace() for token in tokens for char in token.text)


def test_token_pattern_cuts_tokens_and_keeps_those_without_match() -> None:
    tokens = tokenizer(token_pattern=r"[a-z]+|[0-9]+").tokenize("buy 20kg NOW")
    assert tokens == [
        Token("buy", 0, 3),
        Token("20", 4, 6),
        Token("kg", 6, 8),
        Token("NOW", 9, 12),
    ]


def test_token_pattern_with_a_group_keeps_what_it_matched_where_it_matched() -> None:
    assert tokenizer(token_pattern=r"-(b+)").tokenize("b-bb x") == [
        Token("bb", 2, 4),
        Token("x", 5, 6),
    ]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("token_pattern", "(", "not a regular expression"),
        ("token_pattern", "(a)(b)", "one group at most"),
        ("intent_split_symbol", "", "at least one character"),
        ("prefix_separator_symbol", "", "at least one character"),
        ("intent_split", "+", "Extra inputs"),
    ],
)
def test_bad_options_are_refused(option: str, value: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        tokenizer(**{option: value})


@pytest.mark.parametrize(
    ("options", "label", "expected"),
    [
        ({}, "ask_the_price", ["ask_the_price"]),
        ({"intent_tokenization_flag": True}, "ask_the_price", ["ask", "the", "price"]),
        ({"intent_tokenization_flag": True}, "_ask__price", ["ask", "price"]),
        ({"intent_tokenization_flag": True}, "__", ["__"]),
        ({"intent_tokenization_flag": True, "intent_split_symbol": "+"}, "a+b_c", ["a", "b_c"]),
        ({"prefix_separator_symbol": "."}, "bank.ask.more_x", ["bank", "ask.more_x"]),
        (
            {"prefix_separator_symbol": ".", "intent_tokenization_flag": True},
            "bank.ask_more",
            ["bank", "ask", "more"],
        ),
    ],
)
def test_labels(options: dict[str, object], label: str, expected: list[str]) -> None:
    assert tokenizer(**options).tokenize_label(label) == expected


def test_process_fills_batches() -> None:
    batch = MessageBatch(texts=["a b", " "])
    tokenizer().process(batch)
    assert [[token.text for token in tokens] for tokens in batch.tokens] == [["a", "b"], []]
    assert batch.lengths.tolist() == [2, 0]
    training = TrainingBatch(texts=[], examples=[], labels=["a_b", "c"])
    tokenizer(intent_tokenization_flag=True).process(training)
    assert training.label_tokens == [["a", "b"], ["c"]]
