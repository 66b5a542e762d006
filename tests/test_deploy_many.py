"""The files in deploy/ for servers: they are read, and say what the server and each other say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from gossamer.cli.app import app
from gossamer.data.text.yaml_tree import parse_yaml_tree

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PORT = 5005
#: What uvicorn, Docker and the kernels' cache read besides the options of `gossamer run`.
READ_ELSEWHERE = {"FORWARDED_ALLOW_IPS", "GOSSAMER_CACHE", "PYTHONUNBUFFERED"}


def text(name: str) -> str:
    return (DEPLOY / name).read_text("utf-8")


def documents(name: str) -> list[Any]:
    return list(YAML(typ="safe").load_all(text(name)))


def parameters_of_run() -> list[Any]:
    root: Any = typer.main.get_command(app)
    return list(root.commands["run"].params)


def variables_of_run() -> set[str]:
    """Variables of the environment that options of `gossamer run` are read from."""
    return {option.envvar for option in parameters_of_run() if option.envvar is not None}


def options_of_run() -> set[str]:
    return {word for each in parameters_of_run() for word in (*each.opts, *each.secondary_opts)}


def variables_in(content: str) -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+)", content))


def assert_paths_are_served(content: str) -> None:
    from gossamer.serve.security.guard import is_open

    paths = set(re.findall(r"/health/\w+", content))
    assert paths and all(map(is_open, paths))
    assert paths <= {"/health/live", "/health/ready"}


def objects() -> dict[str, Any]:
    return {each["kind"]: each for each in documents("kubernetes.yaml")}


def container() -> Any:
    (only,) = objects()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return only


def test_options_and_variables_are_ones_that_the_server_reads() -> None:
    server = documents("compose.yaml")[0]["services"]["server-1"]
    known = variables_of_run() | variables_in(text("endpoints.yml")) | READ_ELSEWHERE
    assert {"GOSSAMER_AUTH_TOKEN", "GOSSAMER_JWT_SECRET"} <= variables_of_run()
    given = set(server["environment"])
    assert given <= known
    assert variables_in(text("endpoints.yml")) <= given
    given = {each["name"] for each in container()["env"]}
    config = objects()["ConfigMap"]["data"]["endpoints.yml"]
    assert given <= variables_of_run() | variables_in(config)
    assert variables_in(config) <= given
    words = [*server["command"], *container()["args"]]
    words += re.findall(r'"(--[a-z-]+)"', text("Dockerfile.server"))
    assert {word for word in words if word.startswith("--")} <= options_of_run()


def test_compose_has_two_replicas_behind_a_proxy() -> None:
    (compose,) = documents("compose.yaml")
    services = compose["services"]
    assert services["server-1"] == services["server-2"]
    assert "ports" not in services["server-1"] and "ports" not in services["database"]
    upstream = set(re.findall(r"server (server-\d):(\d+)", text("nginx.conf")))
    assert upstream == {(name, str(PORT)) for name in services if name.startswith("server-")}
    assert "non_idempotent" not in re.sub("#.*", "", text("nginx.conf"))
    for service in services.values():
        image = service["image"]
        assert re.search(r":\d+\.\d+", image) or "build" in service
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else ""
            if source.startswith("./"):
                assert (DEPLOY / source).is_file()
    build = services["server-1"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    for name in ("GOSSAMER_AUTH_TOKEN", "GOSSAMER_DB_PASSWORD"):
        assert f"${{{name}:?" in text("compose.yaml")  # no default, as that would be known to all


def test_kubernetes() -> None:
    found = objects()
    assert list(found) == ["ConfigMap", "Deployment", "Service", "PodDisruptionBudget"]
    deployment = found["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["replicas"] == 2
    assert deployment["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert container()["ports"] == [{"name": "http", "containerPort": PORT}]
    assert_paths_are_served(text("kubernetes.yaml"))
    assert container()["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container()["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert container()["resources"]["limits"]["memory"] == "512Mi"
    secrets = [each["valueFrom"] for each in container()["env"] if "valueFrom" in each]
    assert len(secrets) == 2
    volumes = {each["name"] for each in deployment["template"]["spec"]["volumes"]}
    assert {each["name"] for each in container()["volumeMounts"]} == volumes
    same = YAML(typ="safe").load(found["ConfigMap"]["data"]["endpoints.yml"])
    assert same == documents("endpoints.yml")[0]


def test_there_is_time_to_end() -> None:
    from gossamer.serve.settings import Limits

    spec = objects()["Deployment"]["spec"]["template"]["spec"]
    before = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    # Requests that run, then reminders, then turns, each have that long.
    needed = before + 3 * Limits().closing_seconds
    assert spec["terminationGracePeriodSeconds"] >= needed
    (compose,) = documents("compose.yaml")
    grace = int(compose["services"]["server-1"]["stop_grace_period"].removesuffix("s"))
    assert grace >= 3 * Limits().closing_seconds


def test_endpoints_take_their_secrets_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOSSAMER_DB_HOST", "database")
    monkeypatch.setenv("GOSSAMER_DB_PASSWORD", "p@ss: word#1")
    tree = parse_yaml_tree(text("endpoints.yml"), DEPLOY / "endpoints.yml")
    assert "p@ss: word#1" in str(tree) and "${" not in str(tree)
