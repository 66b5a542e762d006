"""A small project of a user, with comments and habits of its own, which is quick to train."""

from __future__ import annotations

from pathlib import Path

CONFIG = """\
# Trains in a few seconds.
language: en

pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
  epochs: 40
  transformer_size: 16
  number_of_attention_heads: 2
  embedding_dimension: 8
  batch_size: [8, 16]
  random_seed: 7
- name: FallbackClassifier   # says that it did not understand
  threshold: 0.4

policies:
- name: MemoizationPolicy
- name: RulePolicy
"""

DOMAIN = """\
version: "3.1"
intents:
- greet
- bye   # at the end
- sail:
    use_entities: true
- refund
entities: [port]
responses:
  utter_greet:
  - text: "Hello!"
  utter_bye:
  - text: "Bye!"
  utter_sail:
  - text: "We sail at noon."
  utter_refund:
  - text: "You get it back."
  utter_again:
  - text: "Please say it again."
"""

NLU = """\
# What people say at the counter.
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - good morning
    - hi there
    - good evening to you
    - hello there

- intent: bye
  examples: |
    - bye
    - see you later  \x20
    - good bye then
    - farewell

- intent: sail      # the ports are real
  examples: |
    - I want to sail to [Oslo](port)
    - a ferry to [Rhodes](port)
    - sail to [Dover](port) please
    - when is the ferry to [Oslo](port)
    - we go to [Dover](port)
    - is there a ferry to [Rhodes](port)
    - to [Oslo](port) with the ferry
    - I want to go to [Dover](port)

- intent: refund
  examples: |
    - I want my money back
    - please refund my ticket
    - my money back please
    - refund me
"""

RULES = """\
version: "3.1"
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
- rule: bye
  steps: [{intent: bye}, {action: utter_bye}]   # short
- rule: sail
  steps:
  - intent: sail
  - action: utter_sail
- rule: refund
  steps:
  - intent: refund
  - action: utter_refund
- rule: not understood
  steps:
  - intent: nlu_fallback
  - action: utter_again
"""

TESTS = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello to you
    - good morning there
- intent: sail
  examples: |
    - a ferry to [Dover](port) please
    - I want to go to [Rhodes](port)
- intent: refund
  examples: |
    - refund my money
    - I want to see my money
"""

FILES = {
    "config.yml": CONFIG,
    "domain.yml": DOMAIN,
    "data/nlu.yml": NLU,
    "data/rules.yml": RULES,
    "tests/nlu_test.yml": TESTS,
}


def write_ferry_project(folder: Path) -> Path:
    """Write the project's files into a new folder."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """All files of a project but those that are kept by Gossamer."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in (".gossamer", "models")
    }
