from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import read_training_data, validate
from gossamer.data.errors import DataError
from gossamer.data.stories.reading import read_stories, read_test_stories
from gossamer.data.stories.steps import Rule, Story, StoryData
from gossamer.data.stories.yaml_writer import write_stories

Write = Callable[[str, str], Path]
YAML = "stories:\n- story: {0}\n  steps:\n  - intent: {0}\n  - action: utter_{0}\n"
MARKDOWN = "## {0}\n* {0}\n  - utter_{0}\n"
NLU = "nlu:\n- intent: {0}\n  examples: |\n    - {0} text\n    - {0} words\n"
DOMAIN = "intents:\n- greet\nactions:\n- action_rules\n"


def names(data: StoryData) -> list[str]:
    return [story.name for story in data.stories]


def test_a_project(write: Write, tmp_path: Path) -> None:
    write("data/stories/b.yml", YAML.format("b"))
    write("data/stories/a.md", MARKDOWN.format("a"))
    write("data/test_c.yml", YAML.format("c"))
    write("data/all.yml", NLU.format("x") + YAML.format("all") + DOMAIN)
    write("data/nlu.md", "## intent:y\n- y text\n- y words\n")
    write("data/README.md", "# Data\n\nWhat there is and what not, in words.\n\n* a\n- b\n")
    write("data/domain.yml", DOMAIN)
    write("data/rules.yml", "rules:\n- rule: r\n  steps:\n  - intent: a\n  - action: b\n")
    write("data/broken.yml", "slots: [\n")
    write("data/notes.txt", YAML.format("no"))
    write("data/.hidden.yml", YAML.format("no"))
    data = read_stories(tmp_path / "data")
    assert names(data) == ["all", "a", "b", "c"]
    assert [rule.name for rule in data.rules] == ["r"]
    # The reader of NLU data passes over all that, and its checks know nothing of it.
    nlu = read_training_data(tmp_path / "data")
    assert nlu.intents == ["x", "y"]
    assert validate(nlu) == []


def test_several_paths_are_read_once_each(write: Write, tmp_path: Path) -> None:
    one, two = write("b/one.yml", YAML.format("one")), write("two.txt", MARKDOWN.format("two"))
    three = write("three", YAML.format("three"))
    assert names(read_stories([str(two), one, three, tmp_path / "b"])) == ["two", "one", "three"]


def test_test_stories(write: Write, tmp_path: Path) -> None:
    write("tests/test_b.yml", YAML.format("b"))
    write("tests/more/test_a.md", MARKDOWN.format("a"))
    write("tests/conversation_tests.md", MARKDOWN.format("old"))
    other = write("tests/stories.yml", YAML.format("no"))
    write("tests/test_nlu.yml", NLU.format("x"))
    assert names(read_test_stories(tmp_path / "tests")) == ["old", "a", "b"]
    assert names(read_test_stories(other)) == ["no"]


def test_a_folder_without_test_stories(write: Write, tmp_path: Path) -> None:
    write("tests/stories.yml", YAML.format("a"))
    with pytest.raises(
        DataError,
        match=r": a folder must hold at least one file of test stories in a file whose name "
        r"starts with 'test_'\. Try: naming the file: .*stories\.yml",
    ):
        read_test_stories(tmp_path)


def test_no_stories(write: Write, tmp_path: Path) -> None:
    nlu = write("data/nlu.yml", NLU.format("x"))
    folder = tmp_path / "data"
    with pytest.raises(DataError, match=r"at least one file of stories\. Try: Rasa YAML"):
        read_stories(folder)
    assert read_stories(folder, is_required=False) == StoryData()
    for path in (nlu, write("a.md", "# Only words\n")):
        with pytest.raises(DataError, match="a file must hold stories"):
            read_stories(path)
        assert read_stories(path, is_required=False) == StoryData()
    with pytest.raises(DataError, match=r"gone: a path of stories must exist"):
        read_stories(tmp_path / "gone", is_required=False)
    with pytest.raises(DataError, match="stories needs a path"):
        read_stories([])
    empty = write("empty.yml", "stories: []\n")
    with pytest.raises(DataError, match="must hold at least one story or rule"):
        read_stories(empty)
    assert read_stories(empty, is_required=False) == StoryData()


def test_a_broken_story_file_in_a_folder_is_an_error(write: Write, tmp_path: Path) -> None:
    write("good.yml", YAML.format("a"))
    write("bad.yml", "stories:\n- story: a\n  steps:\n  - action:\n")
    with pytest.raises(DataError, match=r"bad\.yml:4: an action needs a name"):
        read_stories(tmp_path)


def test_windows_files(write: Write) -> None:
    text = "\ufeff" + MARKDOWN.format("a").replace("\n", "\r\n")
    assert read_stories(write("a.md", text)) == read_stories(write("b.md", MARKDOWN.format("a")))


def kinds(parts: tuple[Story | Rule, ...]) -> Counter[str]:
    return Counter(type(step).__name__ for part in parts for step in part.steps)


@pytest.mark.slow
@pytest.mark.shared_data
def test_sara(shared_data: Path, tmp_path: Path) -> None:
    data = read_stories(shared_data / "sara" / "data")
    assert (len(data.stories), len(data.rules)) == (276, 53)
    # Counted in the files by their keys.
    found = kinds((*data.stories, *data.rules))
    assert (found["ActionStep"], found["OrStep"], found["SlotStep"]) == (2255, 72, 243)
    assert sum(bool(rule.conditions) for rule in data.rules) == 34
    assert sum(not rule.wait_for_user_input for rule in data.rules) == 4
    write_stories(tmp_path / "stories.yml", data)
    assert read_stories(tmp_path / "stories.yml") == data


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize(("part", "n_stories"), [("train", 148), ("test", 32)])
def test_workshop(shared_data: Path, tmp_path: Path, part: str, n_stories: int) -> None:
    folder = shared_data / "workshop" / part
    data = read_stories(folder)
    assert len(data.stories) == n_stories
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md")))
    lines = [line.strip() for line in text.split("\n")]
    found = kinds(data.stories)
    assert found["UserStep"] == sum(line.startswith("*") for line in lines)
    assert found["SlotStep"] == sum(line.startswith("- slot{") for line in lines)
    assert found["ActionStep"] == sum(line.startswith("- ") for line in lines) - found["SlotStep"]
    write_stories(tmp_path / "test_stories.yml", data)
    assert read_test_stories(tmp_path) == data
    with pytest.raises(DataError, match="whose name starts with 'test_'"):
        read_test_stories(folder)
