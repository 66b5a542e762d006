"""What the server says of itself in OpenAPI, and whether it keeps to that."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import ROOT, Running, StartServer, start_in_thread

from gossamer.serve.channels.including import OWN_PATHS

SECONDS = 60
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
DOCUMENT = ROOT / "docs" / "reference" / "http-api.md"


def operations(shared_server: Running) -> dict[str, dict[str, Any]]:
    schema = shared_server.client.get("/openapi.json").json()
    return {
        f"{method.upper()} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


@pytest.fixture(scope="module")
def teaching_server(tiny_project: Path, tiny_model: Path, tmp_path_factory: Any) -> Any:
    """A server with all routes there are, those that teach too."""
    project = tmp_path_factory.mktemp("taught") / "project"
    shutil.copytree(tiny_project, project)
    yield from start_in_thread(
        model=project / "models", endpoints=project / "endpoints.yml", teach=project
    )


def test_no_channel_may_take_a_path_of_the_server(teaching_server: Running) -> None:
    paths = (name.split()[1] for name in operations(teaching_server))
    first = {path.strip("/").partition("/")[0] for path in paths}
    assert first - {"", "webhooks"} <= OWN_PATHS


def test_every_route_is_described(teaching_server: Running) -> None:
    found = operations(teaching_server)
    assert len(found) > 40
    for name, operation in found.items():
        assert operation["summary"], name
        responses = operation["responses"]
        assert "4XX" in responses, name
        assert "422" not in responses, name
        good = {status for status in responses if status.startswith("2")}
        assert good, name
        without_body = ("/predict", "/undo", "/trainings", "/swap", "/use")
        if name.startswith(("POST", "PUT")) and not name.endswith(without_body):
            assert "requestBody" in operation, name
        for status, response in responses.items():
            if status.startswith(("4", "5")):
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, (name, status)


def test_every_reference_leads_somewhere(teaching_server: Running) -> None:
    schema = teaching_server.client.get("/openapi.json").json()
    shapes = schema["components"]["schemas"]

    def references(part: Any) -> set[str]:
        if isinstance(part, list):
            return set().union(*map(references, part))
        if not isinstance(part, dict):
            return set()
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))

    assert {name.rpartition("/")[2] for name in references(schema)} <= shapes.keys()


def test_every_route_is_in_the_reference(teaching_server: Running) -> None:
    text = DOCUMENT.read_text("utf-8")
    ours = {"server", "model", "training", "conversations", "teaching"}
    missing = [
        name
        for name, operation in operations(teaching_server).items()
        if ours & {*operation.get("tags", ())}
        and f"`{re.sub('{[a-z_]+}', 'ID', name)}`" not in text
    ]
    assert missing == []


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_schemathesis_finds_nothing(
    start_server: StartServer, tiny_project: Path, tmp_path: Path
) -> None:
    """For a minute, of the seed 1. What is taught goes into a copy of the project.

    Left out are trainings and tests, a process each, and DELETE /model, after which all is a 409.
    """
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    project = tmp_path / "project"
    shutil.copytree(tiny_project, project)
    url = start_server(teach=project).url
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
        *("--exclude-operation-id", "delete_model_delete"),
        *("--exclude-operation-id", "start_teach_trainings_post"),
        *("--seed", "1", "--max-examples", "10", "--checks", ",".join(CHECKS)),
        *("--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
        *("--exclude-path-regex", "^/model/(train|test)|^/webhooks"),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=10 * SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
