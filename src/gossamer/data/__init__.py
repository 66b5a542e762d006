"""What people write, as typed objects, and the readers that make them. Needs no torch."""

from __future__ import annotations

from gossamer.data.config import (
    DEFAULT_PIPELINE,
    ComponentConfig,
    ProjectConfig,
    config_from_dict,
    config_to_dict,
    dump_config,
    read_config,
)
from gossamer.data.domain.checks import check_domain
from gossamer.data.domain.domain import Domain
from gossamer.data.domain.reading import is_domain_yaml, read_domain
from gossamer.data.domain.storage import domain_from_dict, domain_to_dict
from gossamer.data.entities import Entity
from gossamer.data.errors import ConfigError, DataError, InputError, Location, ModelFileError
from gossamer.data.nlu.checks import Finding, Severity, validate
from gossamer.data.nlu.examples import (
    Example,
    LookupTable,
    RegexPattern,
    Synonym,
    TrainingData,
)
from gossamer.data.nlu.formats.annotations import annotate, parse_annotated
from gossamer.data.nlu.formats.rasa_yaml_writer import dump_yaml, write_yaml
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.nlu.split import split_examples
from gossamer.data.nlu.synonyms import synonym_conflicts, synonym_map
from gossamer.data.nlu.writing import DataFormat, write_training_data
from gossamer.data.project import Project, read_project
from gossamer.data.project_checks import check_project
from gossamer.data.stories.checks import check_stories
from gossamer.data.stories.reading import read_stories, read_test_stories
from gossamer.data.stories.split import split_stories
from gossamer.data.stories.steps import Rule, Story, StoryData
from gossamer.data.stories.yaml_writer import dump_stories, write_stories

__all__ = [
    "DEFAULT_PIPELINE",
    "ComponentConfig",
    "ConfigError",
    "DataError",
    "DataFormat",
    "Domain",
    "Entity",
    "Example",
    "Finding",
    "InputError",
    "Location",
    "LookupTable",
    "ModelFileError",
    "Project",
    "ProjectConfig",
    "RegexPattern",
    "Rule",
    "Severity",
    "Story",
    "StoryData",
    "Synonym",
    "TrainingData",
    "annotate",
    "check_domain",
    "check_project",
    "check_stories",
    "config_from_dict",
    "config_to_dict",
    "domain_from_dict",
    "domain_to_dict",
    "dump_config",
    "dump_stories",
    "dump_yaml",
    "is_domain_yaml",
    "parse_annotated",
    "read_config",
    "read_domain",
    "read_project",
    "read_stories",
    "read_test_stories",
    "read_training_data",
    "split_examples",
    "split_stories",
    "synonym_conflicts",
    "synonym_map",
    "validate",
    "write_stories",
    "write_training_data",
    "write_yaml",
]
