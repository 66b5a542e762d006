"""A project of a test's own, and a server that teaches it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from servers import Running, StartServer


@pytest.fixture
def project(tiny_project: Path, tmp_path: Path) -> Path:
    """A copy of `tiny_project`, without its models."""
    folder = tmp_path / "project"
    shutil.copytree(tiny_project, folder, ignore=shutil.ignore_patterns("models"))
    return folder


@pytest.fixture
def teaching(start_server: StartServer, project: Path) -> Running:
    """A server that teaches `project`, and asks for no token."""
    return start_server(teach=project)
