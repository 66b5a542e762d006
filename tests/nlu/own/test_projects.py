"""Projects with parts of their own: trained, saved, loaded, asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gossamer.assistant import Assistant
from gossamer.data import read_config, read_project
from gossamer.data.errors import ConfigError, InputError, ModelFileError
from gossamer.nlu.own.failures import OwnPartError
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nn.storage import load_model, save_model

SRC = Path(__file__).resolve().parents[3] / "src"


def train(folder: Path) -> Assistant:
    project = read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
    return Assistant.train_project(project, random_seed=1)


def replaced(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_project_is_trained_and_loaded_and_answers(project: Path) -> None:
    assistant = train(project)
    model = assistant.save(project / "models" / "m.gossamer")
    loaded = Assistant.load(model, config=project / "config.yml")
    for each in (assistant, loaded):
        parse = each.parse("many thanks")
        assert [(e.entity, e.value, e.extractor) for e in parse.entities] == [
            ("sentiment", "positive", "Sentiment")
        ]
        assert each.parse("hello").entities == []
        turn = each.conversations().handle("hello")
        assert [message.text for message in turn.messages] == ["We are closed."]
        chosen = [action.prediction for action in turn.actions if action.name == "utter_closed"]
        assert chosen[0] is not None and chosen[0].prediction.policy == "NightPolicy"
    stored = load_model(model).content
    assert stored["pipeline"][2]["name"] == "my_parts.sentiment.Sentiment"
    assert stored["pipeline"][2]["options"]["threshold"] == 0.2
    assert stored["dialogue"]["policies"][1]["name"] == "my_parts.night.NightPolicy"


def command(folder: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, where the working folder is not on `sys.path`."""
    code = f"import sys; sys.argv = {['gossamer', *arguments]!r}\n"
    code += "from gossamer.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(SRC)},
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_commands_import_what_the_configuration_names(project: Path) -> None:
    train(project).save(project / "models" / "m.gossamer")
    refused = command(project.parent, "parse", "-m", "shop/models", "thanks")
    assert refused.returncode == 1
    assert "(got 'my_parts.night.NightPolicy, my_parts.sentiment.Sentiment')" in refused.stderr
    assert "Try: --config with the config.yml" in refused.stderr
    config = str(project / "config.yml")
    arguments = ("-m", "shop/models", "--config", config)
    done = command(project.parent, "shell", *arguments, text="hello\n/stop\n")
    assert (done.returncode, done.stdout) == (0, "We are closed.\n"), done.stderr


# -- what may be imported --------------------------------------------------------------------------

TRAP = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("pipeline", "os.system"),
        ("pipeline", "trap.Sentiment"),
        ("policies", "trap.NightPolicy"),
        ("config", "trap.Sentiment"),
    ],
)
def test_what_only_the_model_names_is_not_imported(project: Path, part: str, name: str) -> None:
    (project / "trap.py").write_text(TRAP)
    model = train(project).save(project / "m.gossamer")
    content, arrays = load_model(model)
    places: dict[str, Any] = {
        "pipeline": content["pipeline"][2],
        "policies": content["dialogue"]["policies"][1],
        "config": content["config"]["pipeline"][0],
    }
    places[part]["name"] = name
    save_model(model, content, arrays)
    with pytest.raises(ModelFileError, match=f"imported only when.*got '{name}'"):
        Assistant.load(model, config=project / "config.yml")
    assert "trap" not in sys.modules
    assert not (project / "trap.ran").exists()


def test_without_a_configuration_all_are_named_in_one_error(project: Path) -> None:
    model = train(project).save(project / "m.gossamer")
    with pytest.raises(ModelFileError, match=r"night.NightPolicy, my_parts.sentiment.Sentiment"):
        Assistant.load(model)


def test_registered_classes_may_be_used(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gossamer
    from gossamer.dialogue.policies import registry as policies
    from gossamer.nlu.own import importing
    from gossamer.nlu.pipeline import registry as components

    for place in (policies, components, importing):
        monkeypatch.setattr(place, "_registered", {})
    model = train(project).save(project / "m.gossamer")
    gossamer.register(sys.modules["my_parts.sentiment"].Sentiment)
    gossamer.register(sys.modules["my_parts.night"].NightPolicy)
    assert Assistant.load(model).parse("thanks").entities
    replaced(project, "config.yml", "my_parts.sentiment.Sentiment", "Sentiment")
    assert train(project).parse("thanks").entities
    with pytest.raises(TypeError, match="made from Component or Policy"):
        gossamer.register(Path)


def test_a_configuration_is_read_only_where_it_is_needed(project: Path) -> None:
    replaced(project, "config.yml", "- name: my_parts.sentiment.Sentiment\n  threshold: 0.2\n", "")
    replaced(project, "config.yml", "- name: my_parts.night.NightPolicy\n  from_hour: 22\n", "")
    model = train(project).save(project / "m.gossamer")
    Assistant.load(model, config=project / "absent.yml")


# -- errors at each stage --------------------------------------------------------------------------

NAME = r"my_parts\.sentiment\.Sentiment failed in "
PLACE = r" \(my_parts/sentiment\.py, line \d+\)\. Try: gossamer --debug"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("class Sentiment", "1 / 0\nclass Sentiment", r"failed in import: ZeroDivisionError: .*"),
        ("class Sentiment", "class class Sentiment", r"failed in import: SyntaxError: .*"),
        ("class Sentiment", "import sys; sys.exit()\nclass Sentiment", "failed in import: SystemE"),
        ('provides = {"entities"}', 'provides = "entities"', "must be a set of names out of"),
        ('provides = {"entities"}', 'provides = {"entitys"}', "must be a set of names out of"),
        ("Options(ComponentOptions)", "Options", "must be a class made from ComponentOptions"),
        ('provides = {"entities"}', "name = 5", "must be a text"),
        ("    words: list", "    def __init__(self): ...\n    words: list", "__init__: TypeError"),
        ("said = [", "raise ValueError('no data')\n        said = [", "train: ValueError: no data"),
        ("def process", "def process_all", "must have the method process"),
        ("class Sentiment", "class Sentimental", "must have the class 'Sentiment'.*'Sentimental'"),
        ("class Sentiment(Component)", "class Sentiment", "made from gossamer.parts.Component"),
        ("import Component,", "import rasa.engine\nfrom gossamer.parts import Component,", "rasa"),
    ],
)  # fmt: skip
def test_training_names_what_failed(project: Path, old: str, new: str, says: str) -> None:
    if "rasa" in new:
        old, new = "from gossamer", "import rasa.engine.graph\nfrom gossamer"
        says = "imports Rasa, whose own classes cannot run here.*gossamer.parts"
    replaced(project, "my_parts/sentiment.py", old, new)
    with pytest.raises(InputError, match=says) as caught:
        train(project)
    message = str(caught.value)
    assert "my_parts.sentiment" in message
    if "failed in" in message:
        assert isinstance(caught.value, OwnPartError)
        if "__init__" not in message:  # calling it failed, no line of it was run
            assert "(my_parts/sentiment.py, line " in message
    if "train" not in says:
        assert message.startswith(f"{project / 'config.yml'}:5: ")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("treshold: 0.2", "Sentiment has no option 'treshold'. Try: 'threshold'"),
        ("threshold: much", "option 'threshold' of Sentiment: .*got 'much'"),
    ],
)
def test_options_are_checked(project: Path, options: str, says: str) -> None:
    replaced(project, "config.yml", "threshold: 0.2", options)
    with pytest.raises(ConfigError, match=says):
        train(project)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("words = parse", "words = parse.nothing or parse", NAME + "process: Attr.*" + PLACE),
        ("parse.entities.append(found)", "parse.entities.append('x')", "after my_parts.*of the"),
        ("parse.entities.append(found)", "parse.intent = 'x'", "intent of a parse must be of the"),
        ("parse.entities.append(found)", "batch.parses = []", "batch.parses must be"),
        ("parse.entities.append(found)", "batch.tokens = [['x']]", "a list of Token for each"),
        ("parse.entities.append(found)", "batch.blocks = [1]", "must be a FeatureBlock"),
    ],
)  # fmt: skip
def test_answering_gives_no_half_results(project: Path, old: str, new: str, says: str) -> None:
    replaced(project, "my_parts/sentiment.py", old, new)
    assistant = train(project)
    with pytest.raises(OwnPartError, match=says):
        assistant.parse("thanks")
    talks = assistant.conversations()
    with pytest.raises(OwnPartError, match=says):
        talks.handle("thanks")
    assert talks.tracker().events == ()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("raise KeyError('x')", NAME + "state: KeyError: 'x'" + PLACE),
        ("return {'words': 1}", "must be a ComponentState"),
        ("return ComponentState(json={'words': {1, 2}})", "must hold JSON values"),
        ("return ComponentState(json={'words': float('nan')})", "must hold JSON values"),
        ("return ComponentState(json={'words': {1: 2}})", "whose keys are texts"),
        ("return ComponentState(json=[])", "must be a mapping with names"),
        ("return ComponentState(arrays={'a': [1]})", r"arrays\['a'\] must be an array of numbers"),
        ("import numpy as n; return ComponentState(arrays={'a': n.array(['x'])})", "of numbers"),
    ],
)
def test_a_state_that_cannot_be_stored_replaces_nothing(
    project: Path, state: str, says: str
) -> None:
    replaced(project, "my_parts/sentiment.py", "return ComponentState(json", f"{state}\n#")
    model = project / "m.gossamer"
    model.write_text("an older model")
    with pytest.raises(OwnPartError, match=says):
        train(project).save(model)
    assert model.read_text() == "an older model"


def test_restoring_names_what_failed(project: Path) -> None:
    model = train(project).save(project / "m.gossamer")
    content, arrays = load_model(model)
    content["pipeline"][2]["state"] = {}
    save_model(model, content, arrays)
    with pytest.raises(OwnPartError, match=NAME + "restore: KeyError: 'words'" + PLACE):
        Assistant.load(model, config=project / "config.yml")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("if HOUR", "if HOURS", r"NightPolicy failed in predict: NameError: .*night\.py, line 12"),
        ("return self.prefer", "self.prefer", "must predict a Prediction"),
        ('"utter_closed")', '"utter_bye")', "must prefer an action that the domain has"),
        ('"utter_closed")', '"utter_closed", 2.0)', r"numbers in \[0, 1\]"),
    ],
)
def test_predicting_names_what_failed(project: Path, old: str, new: str, says: str) -> None:
    replaced(project, "my_parts/night.py", old, new)
    talks = train(project).conversations()
    with pytest.raises(InputError, match=says):
        talks.handle("hello")
    assert talks.tracker().events == ()


# -- names -----------------------------------------------------------------------------------------


def test_a_known_name_in_an_own_module_is_an_own_class(project: Path) -> None:
    own = "class WhitespaceTokenizer(Sentiment):\n    alias = None\n"
    path = project / "my_parts" / "sentiment.py"
    path.write_text(f"{path.read_text()}\n\n{own}")
    replaced(project, "config.yml", "sentiment.Sentiment", "sentiment.WhitespaceTokenizer")
    replaced(project, "config.yml", "- name: WhitespaceT", "- name: rasa.nlu.x.y.WhitespaceT")
    components = Pipeline.from_config(read_config(project / "config.yml")).components
    assert [type(part).__module__ for part in components[:3:2]] == [
        "gossamer.nlu.tokenizers.whitespace_tokenizer",
        "my_parts.sentiment",
    ]
    assert [part.alias for part in components[:3:2]] == [
        "WhitespaceTokenizer",
        "WhitespaceTokenizer_2",
    ]


def test_two_classes_of_the_same_name_are_two_components(project: Path) -> None:
    other = (project / "my_parts" / "sentiment.py").read_text().replace("positive", "good")
    (project / "my_parts" / "other.py").write_text(other)
    replaced(project, "config.yml", "policies:", "- name: my_parts.other.Sentiment\npolicies:")
    model = train(project).save(project / "m.gossamer")
    found = Assistant.load(model, config=project / "config.yml").parse("thanks").entities
    assert [(entity.value, entity.extractor) for entity in found] == [
        ("positive", "Sentiment"),
        ("good", "Sentiment_2"),
    ]
