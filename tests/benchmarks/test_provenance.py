"""What rows of results say of the machine."""

from __future__ import annotations

import torch
from provenance import cpu_name, described, surroundings


def test_the_machine_is_described() -> None:
    about = surroundings()
    assert about["threads"] == torch.get_num_threads()
    assert about["cpu"] == cpu_name() != ""
    text = described(about)
    for part in (about["cpu"], f"torch {torch.__version__}", about["finished"], "cores"):
        assert part in text
