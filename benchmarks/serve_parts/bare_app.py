"""A server that answers at once without understanding anything: what generator and HTTP can do."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request

app = FastAPI()


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    """Always."""
    return {"status": "ok"}


@app.post("/model/parse")
async def parse(request: Request) -> dict[str, Any]:
    """Always the same, but for the text."""
    text = (await request.json())["text"]
    ranking = [{"name": f"intent_{number}", "confidence": 0.05} for number in range(19)]
    return {
        "text": text,
        "intent": {"name": "greet", "confidence": 0.9},
        "entities": [],
        "intent_ranking": ranking,
    }


@app.post("/webhooks/rest/webhook")
async def turn(request: Request) -> list[dict[str, str]]:
    """Always the same, but for the conversation."""
    return [{"recipient_id": (await request.json())["sender"], "text": "Glad to help."}]
