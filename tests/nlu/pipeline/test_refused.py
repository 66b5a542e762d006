"""Components that cannot be had: each is named with its place, why, and what to use instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data import read_config
from gossamer.data.errors import InputError
from gossamer.nlu.pipeline.pipeline import Pipeline

REFUSED = {
    "MitieNLP": "SpacyNLP",
    "MitieTokenizer": "WhitespaceTokenizer or SpacyTokenizer",
    "MitieFeaturizer": "StaticVectorsFeaturizer or SpacyFeaturizer",
    "MitieEntityExtractor": "DIETClassifier or CRFEntityExtractor",
    "MitieIntentClassifier": "DIETClassifier or LogisticRegressionClassifier",
    "ConveRTFeaturizer": "LanguageModelFeaturizer, or StaticVectorsFeaturizer",
}


def test_all_are_refused_together(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    items = [f"- name: {name}\n" for name in REFUSED]
    items[0] += "  model: data/total_word_feature_extractor.dat\n"
    path.write_text("recipe: default.v1\nlanguage: en\npipeline:\n" + "".join(items), "utf-8")
    with pytest.raises(InputError) as caught:
        Pipeline.from_config(read_config(path))
    assert len(caught.value.faults) == len(REFUSED)
    lines = [4, *range(6, 11)]
    for fault, line, (name, instead) in zip(
        caught.value.faults, lines, REFUSED.items(), strict=True
    ):
        assert str(fault).startswith(f"{path}:{line}: ")
        assert f"got '{name}'" in str(fault)
        assert instead in str(fault)
        assert ("2018" in str(fault)) == name.startswith("Mitie")


@pytest.mark.parametrize(
    ("language", "instead"), [("zh", "JiebaTokenizer"), ("ja", "Spacy"), ("th", "Spacy")]
)
def test_a_tokenizer_for_the_language_is_named(tmp_path: Path, language: str, instead: str) -> None:
    path = tmp_path / "config.yml"
    path.write_text(f"language: {language}\npipeline:\n- name: WhitespaceTokenizer\n", "utf-8")
    with pytest.raises(InputError, match=f"config.yml:3: .*words.*Try: {instead}"):
        Pipeline.from_config(read_config(path))
