"""What is doubtful in a project: in each of its parts, and where they do not agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from gossamer.data.domain.checks import check_domain
from gossamer.data.domain.domain import DEFAULT_INTENTS, Domain
from gossamer.data.nlu.checks import Finding, Severity, validate
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.stories.checks import check_stories
from gossamer.data.stories.steps import ActionStep, Rule, Story, StoryData
from gossamer.data.text.suggestions import nearest

# Responses that are said without a story: by forms, by default actions, by the fallback.
_UNWRITTEN = frozenset(
    {
        "utter_ask_rephrase",
        "utter_back",
        "utter_default",
        "utter_restart",
    }
)


def check_project(
    nlu: TrainingData | None = None,
    stories: StoryData | None = None,
    domain: Domain | None = None,
    *,
    restrict_rules: bool = True,
) -> list[Finding]:
    """Everything doubtful in NLU data, domain and stories, and between them.

    Besides what `validate`, `check_domain` and `check_stories` find: an intent or an entity type of
    the NLU data that the domain does not have (errors); an intent of the domain without examples,
    a response that no story says (warnings), as in `rasa data validate`.

    Args:
        nlu: the NLU data, or None.
        stories: stories and rules, or None.
        domain: the domain, or None; the responses of the NLU data are added to it.
        restrict_rules: as for `check_stories`.

    Returns:
        Findings: of the NLU data, the domain, both together, the stories, stories and domain.

    Raises:
        DataError: a response of the NLU data says nothing, or a part of it is of the wrong type.
    """
    findings: list[Finding] = []
    if domain is not None:
        domain = domain.with_responses({} if nlu is None else nlu.responses)
    if nlu is not None:
        findings += validate(nlu)
    if domain is not None:
        findings += check_domain(domain)
        if nlu is not None:
            findings += _check_agreement(nlu, domain)
    if stories is not None:
        findings += check_stories(stories, domain, restrict_rules=restrict_rules)
        if domain is not None:
            findings += _check_responses(stories, domain)
    return findings


def _check_agreement(nlu: TrainingData, domain: Domain) -> Iterator[Finding]:
    first: dict[str, Example] = {}
    types: dict[str, Example] = {}
    for example in nlu.examples:
        if example.base_intent is not None:
            first.setdefault(example.base_intent, example)
        for entity in example.entities:
            types.setdefault(entity.entity, example)
    for intent, example in first.items():
        if intent not in domain.intent_names:
            yield Finding(
                Severity.ERROR,
                f"the domain has no intent '{intent}', which has examples"
                + _hint(intent, domain.intent_names),
                example.where,
            )
    known = [entity.name for entity in domain.entities]
    for entity_type, example in types.items():
        if entity_type not in known:
            yield Finding(
                Severity.ERROR,
                f"the domain has no entity '{entity_type}', which examples have"
                + _hint(entity_type, known),
                example.where,
            )
    for declared in domain.intents:
        if declared.name not in first and declared.name not in DEFAULT_INTENTS:
            yield Finding(
                Severity.WARNING,
                f"intent '{declared.name}' of the domain has no examples"
                + _hint(declared.name, first),
                declared.where,
            )


def _hint(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return "" if near is None else f"; did you mean '{near}'?"


def _check_responses(stories: StoryData, domain: Domain) -> Iterator[Finding]:
    parts: tuple[Story | Rule, ...] = (*stories.stories, *stories.rules)
    if not parts:
        return
    steps = chain.from_iterable(part.steps for part in parts)
    said = {step.name for step in steps if isinstance(step, ActionStep)}
    for name, variations in domain.responses.items():
        if name.partition("/")[0] in said or name in _UNWRITTEN or name.startswith("utter_ask_"):
            continue
        yield Finding(
            Severity.WARNING,
            f"no story or rule says response '{name}'; unless an action does, it is never said",
            variations[0].where if variations else domain.where,
        )
