"""What people write, as typed objects, and the readers that make them. Needs no torch.

Names are imported on first use: who loads a model reads no YAML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    "augment_examples",
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

if TYPE_CHECKING:
    from gossamer.data.config import DEFAULT_PIPELINE as DEFAULT_PIPELINE
    from gossamer.data.config import ComponentConfig as ComponentConfig
    from gossamer.data.config import ProjectConfig as ProjectConfig
    from gossamer.data.config import config_from_dict as config_from_dict
    from gossamer.data.config import config_to_dict as config_to_dict
    from gossamer.data.config_files import dump_config as dump_config
    from gossamer.data.config_files import read_config as read_config
    from gossamer.data.domain.checks import check_domain as check_domain
    from gossamer.data.domain.domain import Domain as Domain
    from gossamer.data.domain.reading import is_domain_yaml as is_domain_yaml
    from gossamer.data.domain.reading import read_domain as read_domain
    from gossamer.data.domain.storage import domain_from_dict as domain_from_dict
    from gossamer.data.domain.storage import domain_to_dict as domain_to_dict
    from gossamer.data.entities import Entity as Entity
    from gossamer.data.errors import ConfigError as ConfigError
    from gossamer.data.errors import DataError as DataError
    from gossamer.data.errors import InputError as InputError
    from gossamer.data.errors import Location as Location
    from gossamer.data.errors import ModelFileError as ModelFileError
    from gossamer.data.nlu.augmentation import augment_examples as augment_examples
    from gossamer.data.nlu.checks import Finding as Finding
    from gossamer.data.nlu.checks import Severity as Severity
    from gossamer.data.nlu.checks import validate as validate
    from gossamer.data.nlu.examples import Example as Example
    from gossamer.data.nlu.examples import LookupTable as LookupTable
    from gossamer.data.nlu.examples import RegexPattern as RegexPattern
    from gossamer.data.nlu.examples import Synonym as Synonym
    from gossamer.data.nlu.examples import TrainingData as TrainingData
    from gossamer.data.nlu.formats.annotations import annotate as annotate
    from gossamer.data.nlu.formats.annotations import parse_annotated as parse_annotated
    from gossamer.data.nlu.formats.rasa_yaml_writer import dump_yaml as dump_yaml
    from gossamer.data.nlu.formats.rasa_yaml_writer import write_yaml as write_yaml
    from gossamer.data.nlu.reading import read_training_data as read_training_data
    from gossamer.data.nlu.split import split_examples as split_examples
    from gossamer.data.nlu.synonyms import synonym_conflicts as synonym_conflicts
    from gossamer.data.nlu.synonyms import synonym_map as synonym_map
    from gossamer.data.nlu.writing import DataFormat as DataFormat
    from gossamer.data.nlu.writing import write_training_data as write_training_data
    from gossamer.data.project import Project as Project
    from gossamer.data.project import read_project as read_project
    from gossamer.data.project_checks import check_project as check_project
    from gossamer.data.stories.checks import check_stories as check_stories
    from gossamer.data.stories.reading import read_stories as read_stories
    from gossamer.data.stories.reading import read_test_stories as read_test_stories
    from gossamer.data.stories.split import split_stories as split_stories
    from gossamer.data.stories.steps import Rule as Rule
    from gossamer.data.stories.steps import Story as Story
    from gossamer.data.stories.steps import StoryData as StoryData
    from gossamer.data.stories.yaml_writer import dump_stories as dump_stories
    from gossamer.data.stories.yaml_writer import write_stories as write_stories

_HOMES = {
    "ComponentConfig": "config",
    "ConfigError": "errors",
    "DEFAULT_PIPELINE": "config",
    "DataError": "errors",
    "DataFormat": "nlu.writing",
    "Domain": "domain.domain",
    "Entity": "entities",
    "Example": "nlu.examples",
    "Finding": "nlu.checks",
    "InputError": "errors",
    "Location": "errors",
    "LookupTable": "nlu.examples",
    "ModelFileError": "errors",
    "Project": "project",
    "ProjectConfig": "config",
    "RegexPattern": "nlu.examples",
    "Rule": "stories.steps",
    "Severity": "nlu.checks",
    "Story": "stories.steps",
    "StoryData": "stories.steps",
    "Synonym": "nlu.examples",
    "TrainingData": "nlu.examples",
    "annotate": "nlu.formats.annotations",
    "augment_examples": "nlu.augmentation",
    "check_domain": "domain.checks",
    "check_project": "project_checks",
    "check_stories": "stories.checks",
    "config_from_dict": "config",
    "config_to_dict": "config",
    "domain_from_dict": "domain.storage",
    "domain_to_dict": "domain.storage",
    "dump_config": "config_files",
    "dump_stories": "stories.yaml_writer",
    "dump_yaml": "nlu.formats.rasa_yaml_writer",
    "is_domain_yaml": "domain.reading",
    "parse_annotated": "nlu.formats.annotations",
    "read_config": "config_files",
    "read_domain": "domain.reading",
    "read_project": "project",
    "read_stories": "stories.reading",
    "read_test_stories": "stories.reading",
    "read_training_data": "nlu.reading",
    "split_examples": "nlu.split",
    "split_stories": "stories.split",
    "synonym_conflicts": "nlu.synonyms",
    "synonym_map": "nlu.synonyms",
    "validate": "nlu.checks",
    "write_stories": "stories.yaml_writer",
    "write_training_data": "nlu.writing",
    "write_yaml": "nlu.formats.rasa_yaml_writer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
