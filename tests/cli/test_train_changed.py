"""`gossamer train` with a model of before: what it says, writes and ends with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gossamer.assistant import Assistant
from gossamer.cli.app import app

FILES = {
    "config.yml": "pipeline:\n- name: WhitespaceTokenizer\n- name: KeywordIntentClassifier\n"
    "- name: RegexEntityExtractor\npolicies:\n- name: MemoizationPolicy\n- name: RulePolicy\n",
    "domain.yml": "intents: [hi, bye]\nresponses:\n  utter_hi: [{text: Hello!}]\n",
    "data/nlu.yml": "nlu:\n- intent: hi\n  examples: |\n    - hello\n- intent: bye\n"
    "  examples: |\n    - see [you](who)\n"
    "- regex: who\n  examples: |\n    - you|me\n",
    "data/rules.yml": "rules:\n- rule: hi\n  steps:\n  - intent: hi\n  - action: utter_hi\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> list[str]:
    done = CliRunner().invoke(app, ["train", *arguments])
    assert done.exit_code == code, done.output
    return [line for line in done.stdout.splitlines() if not line.startswith("Training on")]


def models() -> list[str]:
    return sorted(path.name for path in Path("models").glob("*"))


def change(file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


def test_the_first_model_is_trained_without_a_word_on_changes() -> None:
    (line,) = run()
    assert line.startswith("Trained in ")


def test_nothing_changed_and_nothing_is_written() -> None:
    run()
    (name,) = models()
    assert run() == [
        "Nothing has to be trained.",
        f"Nothing has changed. The model is still {Path('models', name)}",
    ]
    assert run("--quiet") == [str(Path("models", name))]
    assert models() == [name]


def test_a_model_of_another_name_is_written_all_the_same() -> None:
    run("--fixed-model-name", "a")
    run("--fixed-model-name", "b")
    assert models() == ["a.gossamer", "b.gossamer"]
    assert "Nothing has changed" in run("--fixed-model-name", "b")[-1]


def test_a_response_changes_and_nothing_is_trained() -> None:
    run()
    change("domain.yml", "Hello!", "Hi!")
    first, last = run()
    assert first == "Nothing has to be trained."
    assert "The model is models" in last
    assert len(models()) == 2
    newest = Assistant.load(Path(last.rpartition(" ")[2]))
    assert [message.text for message in newest.conversations().handle("/hi").messages] == ["Hi!"]


def test_an_example_is_added() -> None:
    run()
    change("data/nlu.yml", "    - hello\n", "    - hello\n    - good day\n")
    *lines, last = run()
    assert lines == [
        "KeywordIntentClassifier is trained: examples",
        "Unchanged: RegexEntityExtractor, MemoizationPolicy, RulePolicy",
    ]
    assert Assistant.load(Path(last.rpartition(" ")[2])).parse("good day").intent.name == "hi"


def test_force_trains_all() -> None:
    run()
    (line,) = run("--force")
    assert line.startswith("Trained in ")
    assert len(models()) == 2


def test_a_dry_run_tells_and_writes_nothing() -> None:
    assert run("--dry-run", code=1) == [
        "All would be trained, as there is no model to take parts from."
    ]
    run()
    assert run("--dry-run") == ["Nothing has to be trained."]
    change("data/rules.yml", "rule: hi", "rule: hello")
    assert run("--dry-run", code=1) == [
        "RulePolicy would be trained: rules",
        "Unchanged: KeywordIntentClassifier, RegexEntityExtractor, MemoizationPolicy",
    ]
    assert run("--dry-run", "--force", code=8) == ["All would be trained, as --force asks for it."]
    change("data/rules.yml", "utter_hi", "utter_unknown")
    done = CliRunner().invoke(app, ["train", "--dry-run"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error: " in done.stderr
    assert len(models()) == 1


def test_parts_of_several_models_are_taken() -> None:
    run("nlu")
    run("core")
    *lines, last = run()
    assert lines == ["Nothing has to be trained."]
    assert Path(last.rpartition(" ")[2]).is_file()
    change("data/nlu.yml", "hello", "good day")
    assert run("nlu")[0] == "KeywordIntentClassifier is trained: examples"
    assert run()[0] == "Nothing has to be trained."
    assert run("core")[0] == "Nothing has to be trained."


@pytest.mark.parametrize("content", [b"", b"a model"])
def test_a_last_model_that_cannot_be_used_is_no_error(content: bytes) -> None:
    run()
    (name,) = models()
    Path("models", "newer.gossamer").write_bytes(content)
    later = Path("models", name).stat().st_mtime + 1
    os.utime(Path("models", "newer.gossamer"), (later, later))
    first, last = run()
    assert first.startswith("Nothing is taken from the last model: ")
    assert last.startswith("Trained in ")
    assert len(models()) == 3


def test_an_older_model_does_not_say_what_it_was_trained_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("gossamer.nlu.pipeline.storage.stored_fingerprint", lambda *parts: {})
        patch.setattr("gossamer.dialogue.model.stored_fingerprint", lambda *parts: {})
        run()
    (name,) = models()
    first, last = run()
    assert first == (
        f"Nothing is taken from {Path('models', name)}: it does not say what it is trained from"
    )
    assert last.startswith("Trained in ")
    assert run("--quiet") == [last.rpartition(" ")[2]]
