"""Import paths that earlier documentation showed still work, and give the same objects."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("dialogue.tracker", "dialogue.history.tracker", "Tracker"),
        ("dialogue.tracker_files", "dialogue.history.tracker_files", "load_tracker"),
        ("dialogue.tracker_files", "dialogue.history.tracker_files", "save_tracker"),
        ("dialogue.ted.options", "dialogue.policies.ted.options", "TEDOptions"),
        ("nn.callbacks", "nn.training.callbacks", "EarlyStopping"),
        ("data", "data.nlu.examples", "Example"),
        ("sparse", "sparse.linear", "RandomlyConnectedLinear"),
    ],
)
def test_old_paths(old: str, new: str, name: str) -> None:
    found = getattr(import_module(f"gossamer.{old}"), name)
    assert found is getattr(import_module(f"gossamer.{new}"), name)
