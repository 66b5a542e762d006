from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import pytest

from gossamer.data import ComponentConfig, ProjectConfig, TrainingData
from gossamer.data.errors import DataError, InputError, Location, ModelFileError
from gossamer.nlu.pipeline.messages import ComponentState, Token, TrainingBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.tokenizers.jieba_tokenizer import JiebaTokenizer, JiebaTokenizerOptions
from gossamer.nlu.tokenizers.jieba_words import read_user_words

pytest.importorskip("jieba")


def tokenizer(**options: Any) -> JiebaTokenizer:
    tool = JiebaTokenizer(JiebaTokenizerOptions.model_validate(options))
    tool.train(TrainingData(), TrainingBatch(texts=[], examples=[], labels=[]))
    return tool


def words(text: str, **options: Any) -> list[str]:
    return [token.text for token in tokenizer(**options).tokenize(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我想去北京，好吗？", ["我", "想", "去", "北京", "，", "好", "吗", "？"]),
        ("iphone12 3.5G", ["iphone12", "3.5", "G"]),
        ("北京 café नमस्ते です 안녕하세요", ["北京", "café", "नमस्ते", "です", "안녕하세요"]),
        ("你好👩‍👧👍🏽", ["你好", "👩‍👧", "👍🏽"]),
        ("𠮷野", ["𠮷", "野"]),
        ("\ud83d", ["\ud83d"]),
        (" \t", []),
    ],
    ids=ascii,
)
def test_words(text: str, expected: list[str]) -> None:
    tokens = tokenizer().tokenize(text)
    assert [token.text for token in tokens] == expected
    assert all(token.text == text[token.start : token.end] for token in tokens)


def test_options_of_all_tokenizers() -> None:
    assert words("北京天安门", token_pattern="北京|安门") == ["北京", "安门"]
    assert tokenizer(intent_tokenization_flag=True).tokenize_label("问_茶") == ["问", "茶"]


def test_nothing_is_printed_and_no_file_of_others_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jieba.cache").write_bytes(b"no words")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    logging.getLogger("jieba").handlers[:] = []  # one of an earlier test's output
    assert words("我想去北京") == ["我", "想", "去", "北京"]
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["jieba.cache"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_dictionary_is_stored_with_the_model(tmp_path: Path, is_folder: bool) -> None:
    path = tmp_path / "tea.txt"
    path.write_text("\ufeff云雾银针 20 n\n\n小店招牌茶\n", "utf-8")
    tool = tokenizer(dictionary_path=str(tmp_path if is_folder else path))
    state = tool.state()
    assert state.json == {"words": [["云雾银针", 20], ["小店招牌茶", None]]}
    path.unlink()
    restored = JiebaTokenizer(tool.options)
    restored.restore(state)
    assert restored.tokenize("云雾银针") == [Token("云雾银针", 0, 4)]
    assert "云雾银针" not in words("一壶云雾银针")


def test_a_stored_word_that_is_too_long_is_refused() -> None:
    """jieba keeps each beginning of a word: of one with 100,000 letters they took 4 GB."""
    with pytest.raises(ModelFileError, match="a list of words"):
        tokenizer().restore(ComponentState({"words": [["a" * 201, 3]]}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "config.yml:3: dictionary_path must be a dictionary of jieba"),
        (b"\xff\xfe", "words.txt:1: a file must be UTF-8"),
        ("好\n茶 99999999999 n".encode(), "words.txt:2: a line of a dictionary must have"),
        (("茶 " + "9" * 5000).encode(), "words.txt:1: a line of a dictionary must have"),
        (("茶" * 201).encode(), "words.txt:1: a word of a dictionary may have 200 characters"),
    ],
    ids=["missing", "binary", "large", "long", "long word"],
)
def test_a_bad_dictionary_is_refused_early(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "words.txt").write_bytes(content)
    part = ComponentConfig(
        name="JiebaTokenizer",
        options={"dictionary_path": str(tmp_path / "words.txt")},
        where=Location(Path("config.yml"), 3),
    )
    with pytest.raises(InputError) as caught:
        Pipeline.from_config(ProjectConfig(pipeline=(part,)))
    assert message in str(caught.value)


def test_a_name_that_is_too_long_for_a_dictionary() -> None:
    with pytest.raises(DataError, match="dictionary_path must be a dictionary of jieba"):
        read_user_words("茶" * 300)


@pytest.mark.parametrize(
    "stored",
    [None, {}, [["a"]], [["", 1]], [["a", -1]], [["a", True]], [["a", 10**12]], [[1, 1]], ["ab"]],
    ids=repr,
)
def test_stored_words_that_do_not_fit(stored: Any) -> None:
    with pytest.raises(ModelFileError, match="words and their counts"):
        JiebaTokenizer(JiebaTokenizerOptions()).restore(ComponentState(json={"words": stored}))
