"""Small projects to teach."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gossamer.teach import Correction, correction_of

NLU = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - good [morning](daytime)
- intent: bye
  examples: |
    - see you
"""
DOMAIN = """\
version: "3.1"
intents:
- greet
- bye
entities:
- daytime
slots:
  daytime:
    type: text
    mappings:
    - type: from_entity
      entity: daytime
responses:
  utter_greet:
  - text: Hello
forms:
  daytime_form:
    required_slots:
    - daytime
"""
CONFIG = "recipe: default.v1\nlanguage: en\npipeline: []\npolicies: []\n"


def make_project(
    folder: Path,
    nlu: str | bytes | None = NLU,
    domain: str | bytes | None = DOMAIN,
    others: Mapping[str, str | bytes] | None = None,
) -> Path:
    """A project with a file of examples, a domain and other files."""
    files = {"data/nlu.yml": nlu, "domain.yml": domain, "config.yml": CONFIG}
    for name, content in (files | dict(others or {})).items():
        if content is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def message(text: str, intent: str, **entities: str | dict[str, object]) -> Correction:
    """A message in which the text of each entity is named: `city="Rome"`."""
    found = []
    for name, said in entities.items():
        options = {"text": said} if isinstance(said, str) else dict(said)
        start = text.index(str(options["text"]))
        end = start + len(str(options.pop("text")))
        found.append({"start": start, "end": end, "entity": name} | options)
    return correction_of({"kind": "message", "text": text, "intent": intent, "entities": found})


def story(name: str, *steps: dict[str, object]) -> Correction:
    """A story."""
    return correction_of({"kind": "story", "name": name, "steps": list(steps)})


def bytes_of(folder: Path) -> dict[str, bytes]:
    """All files of a project but what teaching keeps for itself."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".gossamer" not in path.parts
    }
