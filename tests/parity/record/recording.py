"""What every recording script shares: where fixtures go, how they are written, digests."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
SHARED_DATA = HERE.parents[3] / "shared" / "data"

DIGEST_LENGTH = 8
VALUES_PER_DIGEST = 20


def write_fixture(name: str, script: str, settings: dict[str, Any], content: Any) -> None:
    """Write one fixture with a header saying where its numbers come from.

    The settings go in readable form, the content compact with one line per top-level item.
    """
    header = {
        "recorded_with": {package: version(package) for package in ("rasa", "tensorflow", "numpy")},
        "script": f"tests/parity/record/{script}",
        "settings": settings,
    }
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in header.items()]
    if isinstance(content, dict):
        items = [f"{json.dumps(key)}: {_compact(value)}" for key, value in content.items()]
        parts.append('"content": {\n' + ",\n".join(items) + "\n}")
    else:
        items = [_compact(value) for value in content]
        parts.append('"content": [\n' + ",\n".join(items) + "\n]")
    path = FIXTURES / f"{name}.json"
    FIXTURES.mkdir(exist_ok=True)
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    json.loads(path.read_text(encoding="utf-8"))
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def canonical(value: Any) -> str:
    """The one JSON text of a value that is digested, on both sides."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)


def digest(value: Any) -> str:
    """The first 8 hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()[:DIGEST_LENGTH]


def digests(values: list[Any]) -> list[str]:
    """One digest for every 20 values, so that a difference can be found but files stay small."""
    return [
        digest(values[start : start + VALUES_PER_DIGEST])
        for start in range(0, len(values), VALUES_PER_DIGEST)
    ]


def numbers(array: Any) -> Any:
    """Nested lists of float32 (shortest form that reads back exactly) or integer numbers."""
    array = np.asarray(array)
    if array.dtype.kind in "iub":
        return array.astype(int).tolist()
    single = array.astype(np.float32)
    flat = [float(str(value)) for value in single.reshape(-1)]
    return np.array(flat, dtype=object).reshape(single.shape).tolist()
