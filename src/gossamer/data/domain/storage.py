"""A domain as JSON values for a model file, without loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import DataError, ModelFileError

_PATHS = ("where",)  # where something was read means nothing on another machine


def domain_to_dict(domain: Domain) -> dict[str, Any]:
    """The domain as JSON values; what has its default value and locations are left out.

    Raises:
        DataError: it holds a value that JSON cannot express, which no reader makes.
    """
    return _fields(domain)


def domain_from_dict(content: Mapping[str, Any]) -> Domain:
    """The domain that `domain_to_dict` stored, equal to it, `content` too.

    Raises:
        ModelFileError: the content is damaged.
    """
    try:
        domain = _adapter().validate_python(content)
        again = domain_to_dict(domain)
    except (ValidationError, DataError) as problem:
        raise ModelFileError(
            f"a stored domain must be whole: {_first_fault(problem)}", hint="training again"
        ) from None
    if again != content:
        # Something unknown, or of a type that only looks alike, would be lost on the way.
        raise ModelFileError("a stored domain must hold nothing unknown", hint="training again")
    return domain


@cache
def _adapter() -> TypeAdapter[Domain]:
    return TypeAdapter(Domain)


def _first_fault(problem: ValidationError | DataError) -> str:
    if isinstance(problem, DataError):
        return problem.must_hold
    fault = problem.errors(include_url=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def _fields(part: Any) -> dict[str, Any]:
    """The fields of a dataclass."""
    return {
        field.name: _stored(getattr(part, field.name))
        for field in dataclasses.fields(part)
        if field.name not in _PATHS and not _is_default(field, getattr(part, field.name))
    }


def _stored(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _stored(part) for key, part in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_stored(part) for part in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise DataError("a value of a domain must be one that JSON can express", got=value)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        return bool(value == field.default)
    # All factories make what is empty.
    return field.default_factory is not dataclasses.MISSING and not value
