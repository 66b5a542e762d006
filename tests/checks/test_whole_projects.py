"""Projects laid out as public ones for Rasa 2 and 3 are: validated, and trained as they are."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from gossamer.assistant import Assistant
from gossamer.checks import Checked, check, read_parts

PROJECTS = Path(__file__).parent / "projects"


def checked(folder: Path, domain: str) -> tuple[Checked, list[str]]:
    """What is found in a project, and what is warned of meanwhile."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parts = read_parts(folder / "config.yml", folder / "data", folder / domain, wants_all=True)
        found = check(parts, random_seed=1)
    return found, [str(warning.message) for warning in caught]


@pytest.mark.slow
def test_a_help_desk_of_rasa_2_is_trained_unchanged() -> None:
    found, told = checked(PROJECTS / "helpdesk", "domain.yml")
    assert [str(each) for each in found.refusals + found.mistakes] == []
    idle = [text for text in told if "changes nothing" in text]
    assert [text.partition("option ")[2].partition(" of ")[0] for text in idle] == [
        "'additional_vocabulary_size'",
        "'tensorboard_log_directory'",
        "'tensorboard_log_level'",
    ]
    assistant = Assistant.train_checked(found, augmentation_factor=0)
    model = assistant.require_dialogue()
    assert model.domain.forms["ticket_form"].required_slots == ("email", "priority", "problem")
    talk = assistant.conversations(random_seed=0)
    with pytest.warns(UserWarning, match="DucklingEntityExtractor finds no entities"):
        (message,) = talk.handle("/faq").messages
    assert message.text in {
        "We are there from eight to five, not on Sundays.",
        'Press "new password" where you log in.',
    }


def test_a_shop_of_rasa_3_is_checked_beside_what_is_lacking(tmp_path: Path) -> None:
    found, told = checked(PROJECTS / "retail", "domain")
    assert [error.got for error in found.refusals] == ["en_core_web_md"], "a model to be installed"
    assert found.mistakes == []
    assert found.dialogue is not None, "stories and rules are held against each other all the same"
    for said in (
        "checkpoint_model has no effect",
        "'token_pattern'",
        "'max_training_samples' of M",
    ):
        assert sum(said in text for text in told) == 1, said

    shutil.copytree(PROJECTS / "retail", tmp_path / "retail")
    config = tmp_path / "retail" / "config.yml"
    text = config.read_text().replace("SpacyTokenizer", "WhitespaceTokenizer")
    for lines in (
        "- name: SpacyNLP\n  model: en_core_web_md\n",
        "- name: SpacyFeaturizer\n",
        "- name: SpacyEntityExtractor\n  dimensions: [PERSON]\n",
    ):
        assert lines in text
        text = text.replace(lines, "")
    config.write_text(text)
    found, _ = checked(tmp_path / "retail", "domain")
    assistant = Assistant.train_checked(found, augmentation_factor=0)
    talk = assistant.conversations(random_seed=0)
    assert talk.handle("/out_of_scope").messages[0].text == "I only know about orders."


@pytest.mark.parametrize("project", ["helpdesk", "retail"])
def test_what_is_no_data_is_not_read(project: str) -> None:
    """Endpoints, credentials and the project's own code stay where they are."""
    assert (PROJECTS / project / "actions" / "actions.py").read_text().startswith("raise")
