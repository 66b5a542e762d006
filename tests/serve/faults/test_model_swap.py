"""The model is swapped under load: no request fails, and each is answered by one model."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from server_processes import WEBHOOK, ServerProcesses, said
from waiting import wait_until

pytestmark = pytest.mark.slow
N_CLIENTS, N_SWAPS = 4, 6


def test_no_request_fails(
    servers: ServerProcesses, faults_model: Path, other_model: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    paths = [models / "one.gossamer", models / "two.gossamer"]
    for path, model in zip(paths, (faults_model, other_model), strict=True):
        path.write_bytes(model.read_bytes())
    servers.model = paths[0]
    server = servers.start(f"sqlite:///{tmp_path / 'conversations.db'}")
    is_over = threading.Event()
    heard: list[list[str]] = [[] for _ in range(N_CLIENTS)]

    def talk(client_number: int) -> None:
        found = heard[client_number]
        with httpx.Client(base_url=server.url, timeout=60.0, trust_env=False) as client:
            while not is_over.is_set():
                sender = f"client-{client_number}-{len(found)}"
                found += said(client.post(WEBHOOK, json={"sender": sender, "message": "hello"}))
                parsed = client.post("/model/parse", json={"text": "hello"})
                assert parsed.status_code == 200, parsed.text
                assert parsed.json()["intent"]["name"] == "greet"

    def are_answered() -> None:
        """Wait until each client was answered once more, or one has failed."""
        before = [len(found) for found in heard]
        wait_until(
            lambda: (
                any(each.done() for each in talking)
                or all(len(found) > n for found, n in zip(heard, before, strict=True))
            )
        )

    with ThreadPoolExecutor(N_CLIENTS) as pool:
        talking = [pool.submit(talk, k) for k in range(N_CLIENTS)]
        try:
            for k in range(N_SWAPS):
                swap = {"model_file": str(paths[(k + 1) % 2])}
                answer = server.client.put("/model", json=swap)
                assert answer.status_code == 204, answer.text
                are_answered()
        finally:
            is_over.set()
    for each in talking:
        each.result()
    assert {greeting for found in heard for greeting in found} == {"one", "two"}
