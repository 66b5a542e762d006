"""Turns the options of a `config.yml` into typed ones, or tells what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from pydantic import ValidationError

from gossamer.data.errors import ConfigError, Location
from gossamer.data.names import nearest
from gossamer.nlu.component import ComponentOptions


class HasOptions(Protocol):
    """A component or a policy."""

    name: ClassVar[str]
    Options: ClassVar[type[ComponentOptions]]


def read_options(
    component: type[HasOptions], options: Mapping[str, Any], where: Location | None = None
) -> ComponentOptions:
    """Check options and fill in defaults.

    Raises:
        ConfigError: an option is unknown (the message names the nearest and lists all) or its
            value is not valid.
    """
    try:
        return component.Options.model_validate(dict(options))
    except ValidationError as error:
        problems = error.errors(include_url=False)
    known = sorted(component.Options.model_fields)
    unknown = [str(p["loc"][0]) for p in problems if p["type"] == "extra_forbidden" and p["loc"]]
    if unknown:
        raise ConfigError(
            f"{component.name} has no option "
            + " and no option ".join(f"'{option}'" for option in unknown),
            where=where,
            hint=_suggestion(unknown, known),
        )
    told = "; ".join(dict.fromkeys(_explain(component, problem) for problem in problems))
    got = problems[0]["input"] if problems[0]["loc"] else dict(options)
    raise ConfigError(told, got=got, where=where)


def _suggestion(unknown: list[str], known: list[str]) -> str:
    if not known:
        return "removing it, there are no options"
    near = [f"'{guess}'" for name in unknown if (guess := nearest(name, known)) is not None]
    listed = f"one of {', '.join(known)}"
    return f"{' and '.join(near)}, or {listed}" if near else listed


def _explain(component: type[HasOptions], problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"][:1])
    message = str(problem["msg"]).removeprefix("Value error, ")
    owner = f"option '{place}' of {component.name}" if place else f"options of {component.name}"
    return f"{owner}: {message}"
