from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import DataError, read_domain, read_stories, read_training_data

Write = Callable[[str, str], Path]
NLU = "nlu:\n- intent: a\n  examples: |\n    - x\n"
STORIES = "stories:\n- story: a\n  steps:\n  - intent: a\n  - action: b\n"


@pytest.mark.parametrize(
    ("text", "key", "line", "meant"),
    [
        (NLU.replace("nlu", "nul"), "nul", 1, "nlu"),
        (STORIES.replace("stories", "storys"), "storys", 1, "stories"),
        (STORIES.replace("stories", "Stories"), "Stories", 1, "stories"),
        (STORIES.replace("stories", "story"), "story", 1, "stories"),
        (f"{NLU}\nrule:\n- rule: b\n", "rule", 6, "rules"),
        (f"{STORIES}slot:\n  s: {{type: any}}\n", "slot", 6, "slots"),
        ("version: '3.1'\nintent:\n- a\n", "intent", 2, "intents"),
        ("response:\n  utter_a: [{text: a}]\n", "response", 1, "responses"),
    ],
)
def test_a_misspelt_key_is_refused_whatever_is_read(
    text: str, key: str, line: int, meant: str, write: Write
) -> None:
    path = write("data/file.yml", text)
    for place in (path, path.parent):
        for read in (read_training_data, read_stories, read_domain):
            with pytest.raises(DataError, match=rf"file\.yml:{line}: .*'{key}'.*Try: {meant}:"):
                read(place)


def test_a_file_without_a_known_key_is_told_of(write: Write) -> None:
    write("data/nlu.yml", NLU)
    write("data/more.yml", "utterances:\n- a\n")
    with pytest.warns(UserWarning, match=r"more\.yml: nothing of this file is read"):
        read_training_data(write("data/x", "").parent)


def test_files_that_are_not_of_a_project_are_passed_over(write: Write) -> None:
    write("data/nlu.yml", NLU)
    write("data/endpoints.yml", "action_endpoint:\n  url: http://localhost\nnlg: {url: x}\n")
    write("data/lines.yml", "- a\n- b: c\n")
    write("data/notes.md", "storys:\n")
    assert len(read_training_data(write("data/x", "").parent).examples) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{NLU}utterances: [a]\n", "a file of NLU data has a key 'utterances', which is not read"),
        ("nlu:\n", "'nlu' is empty"),
    ],
)
def test_what_is_not_read_of_nlu_data(text: str, said: str, write: Write) -> None:
    path = write("data/nlu.yml", text)
    with pytest.warns(UserWarning, match=said):
        read_training_data(path.parent, is_required=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{STORIES}remarks: [a]\n", "a file of stories has a key 'remarks', which is not read"),
        ("rules:\n", "'rules' is empty"),
        ("stories: null\n", "'stories' is empty"),
    ],
)
def test_what_is_not_read_of_stories(text: str, said: str, write: Write) -> None:
    path = write("data/stories.yml", text)
    with pytest.warns(UserWarning, match=said):
        read_stories(path.parent, is_required=False)
