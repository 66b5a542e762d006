"""The lookup table of ../shared/cases/05-never-true."""

from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data import ComponentConfig, ProjectConfig, read_training_data
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nn.csr import CsrMatrix

FILE = Path(__file__).resolve().parents[3] / "shared" / "cases" / "05-never-true" / "nlu.yml"


@pytest.mark.skipif(not FILE.is_file(), reason="needs ../shared/cases/05-never-true")
def test_every_entry_is_found() -> None:
    names = ("WhitespaceTokenizer", "RegexFeaturizer", "RegexEntityExtractor")
    parts = tuple(ComponentConfig(name=name, options={}) for name in names)
    pipeline = Pipeline.from_config(ProjectConfig(language="en", pipeline=parts))
    pipeline.train(read_training_data([FILE]))
    texts = ["I write c++ daily", "a .cda file", "ask aziz (a) about c#", "abc++x", "x.cda"]
    found = [[str(entity.value) for entity in parse.entities] for parse in pipeline.parse(texts)]
    assert found == [["c++"], [".cda"], ["aziz (a)", "c#"], [], []]
    (block,) = pipeline.process(texts).blocks
    assert isinstance(block.sentence, CsrMatrix)
    assert block.sentence.toarray()[:, 0].tolist() == [1, 1, 1, 0, 0]
