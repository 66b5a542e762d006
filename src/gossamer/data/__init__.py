"""What people write, as typed objects, and the readers that make them. Needs no torch."""

from __future__ import annotations

from gossamer.data.annotations import annotate, parse_annotated
from gossamer.data.config import (
    DEFAULT_PIPELINE,
    ComponentConfig,
    ProjectConfig,
    config_from_dict,
    config_to_dict,
    dump_config,
    read_config,
)
from gossamer.data.domain import Domain
from gossamer.data.domain_checks import check_domain
from gossamer.data.domain_reader import is_domain_yaml, read_domain
from gossamer.data.domain_storage import domain_from_dict, domain_to_dict
from gossamer.data.errors import ConfigError, DataError, InputError, Location, ModelFileError
from gossamer.data.examples import (
    Entity,
    Example,
    LookupTable,
    RegexPattern,
    Synonym,
    TrainingData,
)
from gossamer.data.project import Project, read_project
from gossamer.data.project_checks import check_project
from gossamer.data.rasa_yaml_writer import dump_yaml, write_yaml
from gossamer.data.reading import read_training_data
from gossamer.data.split import split_examples
from gossamer.data.stories import Rule, Story, StoryData
from gossamer.data.story_checks import check_stories
from gossamer.data.story_reading import read_stories, read_test_stories
from gossamer.data.story_split import split_stories
from gossamer.data.story_writer import dump_stories, write_stories
from gossamer.data.synonyms import synonym_conflicts, synonym_map
from gossamer.data.validation import Finding, Severity, validate
from gossamer.data.writing import DataFormat, write_training_data

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
