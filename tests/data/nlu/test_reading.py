from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import DataError, read_training_data

Write = Callable[[str, str], Path]
YAML = "nlu:\n- intent: {0}\n  examples: |\n    - {0} text\n"


def test_a_folder_is_read_whole_and_in_order(travel: Path) -> None:
    data = read_training_data(travel)
    intents = list(dict.fromkeys(e.intent for e in data.examples))
    assert intents == ["greet", "yes", "404", "faq/baggage", "book", "leave", "thank", "weather"]
    # Tables of one name in different files stay apart.
    assert [t.name for t in data.lookups] == ["city", "drink", "airline", "city", "airline"]
    assert list(data.responses) == ["utter_faq/baggage"]


def test_several_paths_and_repetitions(travel: Path) -> None:
    once = read_training_data([travel / "table.csv", str(travel / "nlu.yml")])
    assert [e.intent for e in once.examples[:2]] == ["thank", "thank"]
    again = read_training_data([travel / "table.csv", travel / "nlu.yml", travel / "table.csv"])
    assert again == once
    assert len(read_training_data([travel, travel]).examples) == len(
        read_training_data(travel).examples
    )


def test_order_of_files_and_hidden_ones(write: Write, tmp_path: Path) -> None:
    for name in ("b/z.yml", "a.yml", "b/a.yaml", "c.yml"):
        write(name, YAML.format(name.replace("/", "_")))
    write(".hidden.yml", YAML.format("no"))
    write(".git/a.yml", YAML.format("no"))
    write("a.txt", YAML.format("no"))
    data = read_training_data(tmp_path)
    assert [e.intent for e in data.examples] == ["a.yml", "b_a.yaml", "b_z.yml", "c.yml"]


def test_links_are_followed_once(write: Write, tmp_path: Path) -> None:
    write("elsewhere/a.yml", YAML.format("a"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "linked").symlink_to(tmp_path / "elsewhere")
    (project / "linked.yml").symlink_to(tmp_path / "elsewhere" / "a.yml")
    (project / "loop").symlink_to(project)
    (project / "broken.yml").symlink_to(tmp_path / "gone")
    assert [e.intent for e in read_training_data(project).examples] == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        YAML.format("a"),
        "## intent:a\n- a text\n",
        '{"rasa_nlu_data": {"common_examples": [{"text": "a text", "intent": "a"}]}}',
        "text,intent\na text,a\n",
    ],
)
def test_the_format_is_told_by_content(write: Write, text: str) -> None:
    data = read_training_data(write("data.txt", text))
    assert [(e.text, e.intent) for e in data.examples] == [("a text", "a")]


def test_windows_files(write: Write) -> None:
    text = "\ufeff" + YAML.format("a").replace("\n", "\r\n")
    (example,) = read_training_data(write("a.yml", text)).examples
    assert (example.text, example.where and example.where.line) == ("a text", 4)


def test_missing_paths(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.yml: a path of training data must exist"):
        read_training_data(tmp_path / "gone.yml")
    with pytest.raises(DataError, match="needs a path"):
        read_training_data([])
    with pytest.raises(DataError, match=r"at least one file of NLU data.*nlu:"):
        read_training_data(tmp_path)


def test_named_files_must_hold_nlu_data(travel: Path, write: Write) -> None:
    for name in ("domain.yml", "README.md", "settings.json"):
        with pytest.raises(DataError, match=f"{name}: a file must hold NLU data"):
            read_training_data(travel / name)
    with pytest.raises(DataError, match=r"stories\.yml:7: a YAML file must be well-formed"):
        read_training_data(travel / "stories.yml")
    with pytest.raises(DataError, match="must hold NLU data"):
        read_training_data(write("a.csv", "text;intent\n"))


def test_no_examples(write: Write) -> None:
    with pytest.raises(DataError, match="at least one example"):
        read_training_data(write("a.yml", "nlu:\n- lookup: a\n  examples: |\n    - x\n"))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"nlu:\n- intent: caf\xe9\n", r"a\.yml:2: a file must be UTF-8 \(got b'\\xe9'\)"),
        (b"nlu:\n\x00\x01", r"a\.yml:2: a file must be text, not binary data"),
        ("nlu:\n".encode("utf-16"), "must be text, not binary data"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, raw: bytes, said: str) -> None:
    (tmp_path / "a.yml").write_bytes(raw)
    for path in (tmp_path, tmp_path / "a.yml"):
        with pytest.raises(DataError, match=said):
            read_training_data(path)


def test_a_broken_nlu_file_in_a_folder_is_an_error(write: Write, tmp_path: Path) -> None:
    write("good.yml", YAML.format("a"))
    write("bad.yml", "nlu:\n- intent: [\n")
    with pytest.raises(DataError, match=r"bad\.yml:\d: a YAML file must be well-formed"):
        read_training_data(tmp_path)
