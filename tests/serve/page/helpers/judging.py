"""What every state of the page must hold: nothing for axe to find, and no side that scrolls."""

from __future__ import annotations

from typing import Any

import pytest
from visiting import Visitor


def focused(visitor: Visitor) -> str:
    """What the keyboard is at: its text, or its id where it has none."""
    here = visitor.page.evaluate("(e => e.innerText || e.id)(document.activeElement)")
    return " ".join(str(here).split())


def too_wide(visitor: Visitor) -> list[Any]:
    """What is wider than its place: sides that would scroll sideways, and why."""
    found: list[Any] = visitor.page.evaluate(
        """[document.documentElement, ...document.querySelectorAll('#talk, #understood, .place')]
        .filter(side => side.scrollWidth > side.clientWidth)
        .map(side => [side.id, [...side.querySelectorAll('*')].filter(
            part => part.getBoundingClientRect().right > side.getBoundingClientRect().right + 1
        ).slice(0, 5).map(part => part.tagName + '.' + part.className)])"""
    )
    return found


def faults_found_by_axe(visitor: Visitor) -> list[Any]:
    """Violations of any rule."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    results = axe.run(visitor.page, options={"resultTypes": ["violations"]})
    found: list[Any] = results.response["violations"]
    return [
        (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]], fault["help"])
        for fault in found
    ]
