"""Peak memory: a reset forgets what was given back."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gossamer.study.results.memory import peak_memory_mib, reset_peak_memory


def test_the_peak_grows_with_what_is_held() -> None:
    before = peak_memory_mib()
    block = np.ones(80 * 2**17)  # 80 MiB
    after = peak_memory_mib()
    assert before is not None
    assert after is not None
    assert block.nbytes == 80 * 2**20
    assert after >= max(before, 80)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux forgets a peak")
def test_a_reset_forgets_what_was_given_back() -> None:
    block = np.ones(80 * 2**17)
    high = peak_memory_mib()
    del block
    if not reset_peak_memory():
        pytest.skip("/proc/self/clear_refs cannot be written here")
    low = peak_memory_mib()
    assert high is not None
    assert low is not None
    assert low < high - 60
    again = np.ones(80 * 2**17)
    now = peak_memory_mib()
    assert now is not None
    assert now > low + 60
    del again
