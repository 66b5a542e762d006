"""Turns the options of a `config.yml` into typed ones, or says what is wrong with them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from pydantic import ValidationError

from gossamer.data.errors import ConfigError, InputError, Location, all_of, place_prefix
from gossamer.data.text.suggestions import nearest
from gossamer.nlu.pipeline.component import ComponentOptions


class HasOptions(Protocol):
    """A component or a policy."""

    name: ClassVar[str]
    Options: ClassVar[type[ComponentOptions]]


def read_options(
    component: type[HasOptions], options: Mapping[str, Any], where: Location | None = None
) -> ComponentOptions:
    """Check options and fill in defaults.

    Raises:
        ConfigError: an option is unknown (the message names the nearest and lists all), a value is
            not valid, or options contradict each other; all faults are reported together.
    """
    kind = component.Options
    given = {
        name: value
        for name, value in options.items()
        if name in kind.model_fields or name not in kind.ignored
    }
    problems = _problems(kind, given)
    unknown = [str(p["loc"][0]) for p in problems if p["type"] == "extra_forbidden" and p["loc"]]
    others = [problem for problem in problems if problem["type"] != "extra_forbidden"]
    rest = {name: value for name, value in given.items() if name not in unknown}
    if unknown and not others:
        others = _problems(kind, rest)  # whether the other options fit together
    faults: list[InputError] = []
    if unknown:
        faults.append(_unknown(component, unknown, where))
    if others:
        told = "; ".join(dict.fromkeys(_explain(component, problem) for problem in others))
        got = others[0]["input"] if others[0]["loc"] else rest
        faults.append(ConfigError(told, got=got, where=where))
    if faults:
        raise all_of(faults)
    return kind.model_validate(given)


def read_stored_options(
    component: type[HasOptions], options: Mapping[str, Any]
) -> ComponentOptions:
    """The options of a model file, which holds all that existed when it was saved.

    An option that it lacks came later, and has Rasa's default, which is what there was before.

    Raises:
        ConfigError: as `read_options`.
    """
    return read_options(component, {**component.Options.rasas, "rasa_defaults": True, **options})


def warn_of_idle_options(
    component: type[HasOptions],
    given: Mapping[str, Any],
    options: ComponentOptions,
    where: Location | None = None,
) -> None:
    """Warn of each option that changes nothing.

    Args:
        component: whose options they are.
        given: as they are written.
        options: the same, read.
        where: where they are written.
    """
    place = place_prefix(where)
    told = [
        f"option '{name}' of {component.name} changes nothing: {reason}"
        for name, reason in options.ignored.items()
        if given.get(name) not in (None, False)
    ]
    told += [f"{component.name}: {problem}" for problem in options.without_effect()]
    for message in told:
        warnings.warn(f"{place}{message}", stacklevel=2)


def _problems(kind: type[ComponentOptions], given: Mapping[str, Any]) -> list[Any]:
    try:
        kind.model_validate(dict(given))
    except ValidationError as error:
        return list(error.errors(include_url=False))
    return []


def _unknown(
    component: type[HasOptions], unknown: list[str], where: Location | None
) -> ConfigError:
    return ConfigError(
        f"{component.name} has no option "
        + " and no option ".join(f"'{option}'" for option in unknown),
        where=where,
        hint=_suggestion(component.Options, unknown),
    )


def _suggestion(kind: type[ComponentOptions], unknown: list[str]) -> str:
    known = sorted(kind.model_fields)
    if known == ["rasa_defaults"]:
        return "removing it, there is no option but rasa_defaults"
    near: list[str] = []
    for name in unknown:
        guess = nearest(name, known)
        if name in kind.renamed:
            near.append(kind.renamed[name])
        elif guess is not None:
            near.append(f"'{guess}'")
    listed = f"one of {', '.join(known)}"
    return f"{' and '.join(near)}, or {listed}" if near else listed


def _explain(component: type[HasOptions], problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"][:1])
    message = str(problem["msg"]).removeprefix("Value error, ")
    owner = f"option '{place}' of {component.name}" if place else f"options of {component.name}"
    return f"{owner}: {message}"
