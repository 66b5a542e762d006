from __future__ import annotations

import pytest
from small import DOMAIN, SPOKEN

from gossamer.data import ComponentConfig, Example, ProjectConfig, TrainingData
from gossamer.data.project import Project, joined
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.training.unfolding import unfold_stories
from gossamer.nlu.pipeline.pipeline import Pipeline


@pytest.fixture(scope="session")
def spoken() -> DialogueData:
    """Stories with texts, and a pipeline that reads them."""
    config = ProjectConfig(
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer"),
            ComponentConfig(name="CountVectorsFeaturizer"),
        )
    )
    nlu = TrainingData(
        examples=(Example(text="hello", intent="greet"), Example(text="bye", intent="bye"))
    )
    project = joined(Project(config=config, nlu=nlu, stories=SPOKEN, domain=DOMAIN))
    assert project.nlu is not None
    assert project.domain is not None
    pipeline = Pipeline.from_config(config)
    pipeline.train(project.nlu)
    return DialogueData(
        domain=project.domain,
        stories=unfold_stories(SPOKEN, project.domain),
        pipeline=pipeline,
    )
