"""The sparse layers of a model that answers, each with a picture of its kernel and counts."""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gossamer.assistant import Assistant
from gossamer.nn.frozen.linear import Linear
from gossamer.sparse.connectivity import Connectivity

_COLOUR: Final = (0x1F, 0x9E, 0x95)
_MOST_PIXELS: Final = 512
"""Of a side of a picture; a layer with more units has several cells in a pixel."""

_NAMES: Final = {
    "input": "input of the transformer",
    "out": "output of attention",
    "feed_forward_in": "feed-forward in",
    "feed_forward_out": "feed-forward out",
}
_LAYER = re.compile(r"layers\.(\d+)")

Pixels = npt.NDArray[np.uint8]


def layers_of(assistant: Assistant) -> dict[str, Any]:
    """The layers in which only some of the connections exist.

    Args:
        assistant: as it answers, without PyTorch.

    Returns:
        JSON: for each layer its sizes, `density`, `inputs_of_an_output` and `outputs_of_an_input`
        (`least`, `mean`, `most`), and `picture`, an address with a PNG: inputs across, outputs
        down, opaque where connections are.
    """
    layers = []
    seen: set[int] = set()  # TED holds the pipeline
    for component, part in _parts(assistant):
        for path, layer in _sparse_layers(part, seen):
            told = {"component": component, "name": _readable(path)}
            layers.append({**told, **_described(layer.connectivity)})
    if not layers:
        return {
            "state": "none",
            "text": "The model has no sparse layer.",
            "hint": "connection_density: 0.2 for DIETClassifier or TEDPolicy",
        }
    return {
        "state": "done",
        "layers": layers,
        "n_weights": sum(layer["n_weights"] for layer in layers),
        "n_possible": sum(layer["n_in"] * layer["n_out"] for layer in layers),
    }


def _parts(assistant: Assistant) -> Iterator[tuple[str, object]]:
    """Components and policies, by name."""
    if assistant.understands_texts:
        for component in assistant.pipeline.components:
            yield component.alias, component
    if assistant.dialogue is not None:
        for policy in assistant.dialogue.ensemble.policies:
            yield policy.name, policy


def _sparse_layers(part: object, seen: set[int]) -> list[tuple[str, Linear]]:
    """Layers in an object of this package, with the names of the attributes that lead to them.

    What a network keeps under a private name is another form of such a layer: queries, keys and
    values side by side, weights that are scaled.
    """
    found: list[tuple[str, Linear]] = []
    stack: list[tuple[str, object]] = [("", part)]
    while stack:
        path, value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Linear):
            if not value.connectivity.is_dense and not path.rpartition(".")[2].startswith("_"):
                found.append((path, value))
            continue
        stack += [(f"{path}.{name}", inner) for name, inner in _inside(value)]
    return sorted(found, key=lambda each: _order(each[0]))


def _inside(value: object) -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [(str(key), inner) for key, inner in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, list | tuple):
        return [(str(number), inner) for number, inner in enumerate(value)]
    if not type(value).__module__.startswith("gossamer."):
        return []
    names = [*getattr(value, "__dict__", {})]
    names += [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
    return [(name, getattr(value, name)) for name in names if hasattr(value, name)]


def _order(path: str) -> list[tuple[int, str]]:
    """Layers of one kind by their numbers, the input layer before them."""
    is_inner = _LAYER.search(path) is not None
    pieces = [(int(piece) if piece.isdigit() else -1, piece) for piece in path.split(".")]
    return [(int(is_inner), ""), *pieces]


def _readable(path: str) -> str:
    """For "frozen.encoder.layers.0.feed_forward_in": "transformer layer 1, feed-forward in"."""
    before, _, inner = path.partition(".encoder.")
    last = path.rpartition(".")[2]
    if not inner:
        return before.replace(".frozen.", "").strip(".").replace("_", " ").replace(".", ", ")
    number = _LAYER.search(inner)
    name = _NAMES.get(last, last.replace("_", " "))
    return name if number is None else f"transformer layer {int(number[1]) + 1}, {name}"


def _described(connectivity: Connectivity) -> dict[str, Any]:
    inputs, outputs = connectivity.input_degrees(), connectivity.output_degrees()
    picture, cells = _picture(connectivity.mask())
    return {
        "n_in": connectivity.in_features,
        "n_out": connectivity.out_features,
        "n_weights": connectivity.n_weights,
        "density": connectivity.density,
        "inputs_of_an_output": _spread(outputs),
        "outputs_of_an_input": _spread(inputs),
        "n_outputs_without_inputs": int((outputs == 0).sum()),
        "n_inputs_unused": int((inputs == 0).sum()),
        "cells_per_pixel": cells,
        "picture": picture,
    }


def _spread(degrees: npt.NDArray[np.int64]) -> dict[str, float]:
    return {
        "least": int(degrees.min()),
        "mean": float(degrees.mean()),
        "most": int(degrees.max()),
    }


def _picture(mask: npt.NDArray[np.bool_]) -> tuple[str, int]:
    """An address that holds the PNG, and the side of the block that a pixel stands for."""
    cells = max(1, math.ceil(max(mask.shape) / _MOST_PIXELS))
    n_rows, n_columns = (math.ceil(size / cells) for size in mask.shape)
    wide = np.zeros((n_rows * cells, n_columns * cells), dtype=np.float32)
    wide[: mask.shape[0], : mask.shape[1]] = mask
    share = wide.reshape(n_rows, cells, n_columns, cells).mean(axis=(1, 3))
    pixels = np.empty((n_rows, n_columns, 4), dtype=np.uint8)
    pixels[..., :3] = _COLOUR
    pixels[..., 3] = np.rint(share * 255)
    return "data:image/png;base64," + base64.b64encode(png_of(pixels)).decode("ascii"), cells


def png_of(pixels: Pixels) -> bytes:
    """A PNG of red, green, blue and opacity. *Shape:* (n_rows, n_columns, 4)."""
    n_rows, n_columns, _ = pixels.shape
    header = struct.pack(">IIBBBBB", n_columns, n_rows, 8, 6, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
