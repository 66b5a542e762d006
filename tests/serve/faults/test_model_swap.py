"""The model is swapped under load: no request fails, and each is answered by one model."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from server_processes import WEBHOOK, ServerProcesses, said

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

    def talk(client_number: int) -> list[str]:
        found: list[str] = []
        with httpx.Client(base_url=server.url, timeout=60.0, trust_env=False) as client:
            while not is_over.is_set():
                sender = f"client-{client_number}-{len(found)}"
                found += said(client.post(WEBHOOK, json={"sender": sender, "message": "hello"}))
                parsed = client.post("/model/parse", json={"text": "hello"})
                assert parsed.status_code == 200, parsed.text
                assert parsed.json()["intent"]["name"] == "greet"
        return found

    with ThreadPoolExecutor(N_CLIENTS) as pool:
        talking = [pool.submit(talk, k) for k in range(N_CLIENTS)]
        try:
            for k in range(N_SWAPS):
                swap = {"model_file": str(paths[(k + 1) % 2])}
                answer = server.client.put("/model", json=swap)
                assert answer.status_code == 204, answer.text
        finally:
            is_over.set()
    greetings = [greeting for each in talking for greeting in each.result()]
    assert set(greetings) == {"one", "two"}
