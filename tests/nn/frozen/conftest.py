"""Each test of frozen parts runs twice: with kernels, and by NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from torch import nn

from gossamer.nn.frozen import inputs, linear, operations
from gossamer.nn.frozen.weights import Weights
from gossamer.sparse.kernels.build import is_available


@pytest.fixture(scope="module", params=["kernels", "numpy"], autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """How frozen parts that are made in the test compute."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            for module in (inputs, linear, operations):
                patch.setattr(module, "is_available", lambda: False)
        elif not is_available():
            pytest.skip("llvmlite is not installed")
        yield request.param


@pytest.fixture(scope="session")
def weights_of() -> Callable[[nn.Module], Weights]:
    """Gives the stored weights of a module."""

    def weights(module: nn.Module) -> Weights:
        return Weights({name: each.numpy() for name, each in module.state_dict().items()})

    return weights
