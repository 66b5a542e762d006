"""The container image keeps its rules, and is built from files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
CONTINUED = re.compile(r"\\\n")


def instructions(text: str) -> list[tuple[str, str]]:
    """Words and arguments; lines that go on are joined, remarks are left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = CONTINUED.sub(" ", "\n".join(lines))
    parts = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(word.upper(), rest) for word, rest in parts]


def faults(text: str) -> list[str]:
    """Rules that a Dockerfile breaks."""
    found = []
    stages: list[list[tuple[str, str]]] = []
    for word, rest in instructions(text):
        if word == "FROM":
            stages.append([])
            image = rest.split()[0]
            tag = image.partition(":")[2]
            if not re.match(r"\d+\.\d+\.\d+-", tag):
                found.append(f"the base must be pinned to a release: {image}")
        if word == "ADD":
            found.append("COPY, not ADD")
        if word == "RUN" and "pip install" in rest:
            if "--no-cache-dir" not in rest:
                found.append("pip must keep no cache")
            if "constraints.txt" not in rest:
                found.append("pip must be given the pins")
        stages[-1].append((word, rest))
    last = stages[-1]
    users = [rest for word, rest in last if word == "USER"]
    if not users or users[-1].split(":")[0] in ("root", "0"):
        found.append("the user must not be root")
    if any(word == "COPY" for word, _ in last):
        found.append("the image holds what pip installed, and no files of the sources")
    if len(stages) != 2 or not any("/wheels/*.whl" in rest for word, rest in last if word == "RUN"):
        found.append("the second stage must install the wheel that the first has built")
    if not any(word == "ENTRYPOINT" and rest.startswith('["gossamer"') for word, rest in last):
        found.append("the entry must be gossamer")
    return found


def test_the_images_keep_the_rules() -> None:
    assert faults(DOCKERFILE.read_text("utf-8")) == []
    server = DOCKERFILE.with_name("Dockerfile.server").read_text("utf-8")
    assert faults(server) == []
    checks = [rest for word, rest in instructions(server) if word == "HEALTHCHECK"]
    assert len(checks) == 1 and "/health/ready" in checks[0]
    build = DOCKERFILE.read_text("utf-8").split("FROM")[1]
    assert server.split("FROM")[1] == build  # both are made from the same wheel


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("python:3.11.14-slim-bookworm AS", "python:latest AS", "the base must be pinned"),
        ("COPY src", "ADD src", "COPY, not ADD"),
        ("--no-cache-dir --disable", "--disable", "pip must keep no cache"),
        ("USER 10001:10001", "USER 0", "the user must not be root"),
        ("USER 10001:10001", "", "the user must not be root"),
        ("WORKDIR /assistant", "COPY src /src", "no files of the sources"),
        ("/wheels/*.whl", "gossamer", "the wheel that the first has built"),
    ],
)
def test_a_broken_rule_is_found(old: str, new: str, fault: str) -> None:
    text = DOCKERFILE.read_text("utf-8")
    assert old in text
    assert any(fault in each for each in faults(text.replace(old, new)))


def test_what_is_copied_is_there_and_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        name
        for word, rest in instructions(DOCKERFILE.read_text("utf-8"))
        if word == "COPY"
        for name in rest.split()[:-1]
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_the_python_is_one_that_the_package_takes() -> None:
    tags = re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    assert tags == ["3.11", "3.11"]  # constraints.txt is made with 3.11
