"""`gossamer run --teach`, from a wrong answer to the right one: corrected, trained, in service.

A real server teaches a project of its own, and a real model learns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ferry_project import files_of, write_ferry_project
from judging import faults_found_by_axe, focused, too_wide
from servers import start_in_process
from visiting import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
READY = ".save .main[aria-disabled=false]"


class Counter:
    """The project that is taught, and the server that teaches it.

    Attributes:
        project: its folder.
        url: of the server.
    """

    def __init__(self, project: Path, url: str) -> None:
        self.project = project
        self.url = url

    def files(self) -> dict[str, bytes]:
        """All files of the project."""
        return files_of(self.project)

    def added_since(self, before: dict[str, bytes]) -> list[str]:
        """Lines that one file has and had not, all else being as it was to the byte."""
        now = self.files()
        assert now.keys() == before.keys()
        changed = [name for name in now if now[name] != before[name]]
        assert len(changed) == 1, changed
        had, has = (files[changed[0]].splitlines(keepends=True) for files in (before, now))
        added = [line for line in has if line not in had]
        assert [line for line in has if line in had] == had
        return [f"{changed[0]}: {line.decode().strip()}" for line in added]


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    """One for all tests here: each teaches another text."""
    from gossamer.assistant import Assistant
    from gossamer.data import read_project

    folder = tmp_path_factory.mktemp("teaching")
    project = write_ferry_project(folder / "counter")
    read = read_project(project / "config.yml", project / "data", project / "domain.yml")
    Assistant.train_project(read, random_seed=1).save(project / "models" / "first.gossamer")
    options = ("--model", str(project / "models"), "--teach", str(project))
    with contextmanager(start_in_process)(folder / "server.log", *options) as running:
        yield Counter(project, running.url)


@contextmanager
def visiting(browser: Browser, counter: Counter, **options: Any) -> Iterator[Visitor]:
    """Somebody at the page, in a conversation of their own."""
    context = browser.new_context(reduced_motion="reduce", **options)
    context.set_default_timeout(240_000)
    visitor = Visitor(context.new_page(), counter.url)
    yield visitor
    context.close()
    assert visitor.faults == []


def judge(visitor: Visitor) -> None:
    assert faults_found_by_axe(visitor) == []
    assert too_wide(visitor) == []


def tab_to(visitor: Visitor, *names: str) -> None:
    """Press Tab until the keyboard is at what has one of the names."""
    seen = []
    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        seen.append(focused(visitor))
        if seen[-1] in names:
            return
    raise AssertionError(f"Tab does not lead to {names}: {seen}")


def last_answer(visitor: Visitor) -> str:
    return visitor.texts(".bot .text")[-1]


def last_intent(visitor: Visitor) -> str:
    return visitor.texts(".intent-card .main .name")[0]


def test_with_the_keyboard_alone(browser: Browser, counter: Counter) -> None:
    before = counter.files()
    with visiting(browser, counter, **DESKTOP) as visitor:
        page, keys = visitor.page, visitor.page.keyboard
        page.add_init_script("addEventListener('pointerdown', () => console.error('a pointer'))")
        visitor.open("ann")
        page.wait_for_selector("#places:not([hidden])")
        tab_to(visitor, "Skip to the message box")
        keys.press("Enter")
        keys.type("nobody wants Oslo any more")
        keys.press("Enter")
        page.wait_for_selector(".turn.looked-at")
        assert last_answer(visitor) != "You get it back."

        keys.press("ArrowUp")
        keys.press("c")
        keys.type("refund")
        keys.press("Enter")
        tab_to(visitor, "nobody")
        for _ in range(2):
            keys.press("ArrowRight")
        keys.press("Enter")
        keys.type("port")
        keys.press("Enter")
        tab_to(visitor, "Mark", "Change")
        keys.press("Enter")
        page.wait_for_selector(READY)
        assert counter.files() == before, "nothing is written before it is saved"
        tab_to(visitor, "Teach")
        keys.press("Enter")
        page.wait_for_selector(".taught")
        assert counter.added_since(before) == ["data/nlu.yml: - nobody wants [Oslo](port) any more"]

        tab_to(visitor, "Train")
        keys.press("Enter")
        page.wait_for_selector(".verdict")
        assert focused(visitor) == "1 got better, 0 got worse."
        tab_to(visitor, "Put in service")
        keys.press("Enter")
        page.wait_for_selector(".done-with")
        assert focused(visitor) == "The new model answers now."

        keys.press("Control+Home")
        page.wait_for_selector(".models li:has-text('answers now'):not(:has-text('first'))")
        for _ in range(20):
            keys.press("Shift+Tab")
            if focused(visitor) == "Talk":
                break
        keys.press("Enter")
        tab_to(visitor, "say")
        keys.type("nobody wants Oslo any more")
        keys.press("Enter")
        page.wait_for_selector(".turns > li:nth-child(2).looked-at")
        assert last_answer(visitor) == "You get it back."
        assert last_intent(visitor) == "refund"
        assert visitor.texts(".sentence mark") == ["Oslo ( port )"]
    assert counter.added_since(before) == ["data/nlu.yml: - nobody wants [Oslo](port) any more"]


@pytest.mark.long
def test_with_the_pointer_then_back(browser: Browser, counter: Counter) -> None:
    before = counter.files()
    with visiting(browser, counter, **DESKTOP) as visitor:
        page = visitor.page
        visitor.open("bob")
        page.wait_for_selector("#places:not([hidden])")
        teach_train_swap(visitor, "rendez moi mes sous", "refund", lambda it: it.click())
        assert counter.added_since(before) == ["data/nlu.yml: - rendez moi mes sous"]
        assert last_answer(visitor) == "You get it back."

        page.get_by_role("link", name="Changes").click()
        page.locator(".change-head", has_text="rendez moi mes sous").get_by_role("button").click()
        page.wait_for_selector("#changes .is-undone")
        assert counter.files() == before
        page.get_by_role("link", name="Train").click()
        page.get_by_role("button", name=re.compile("Go back.*: first$")).click()
        page.wait_for_selector(".models .here:has-text('first')")
        page.get_by_role("link", name="Talk").click()
        visitor.say("rendez moi mes sous")
        assert last_answer(visitor) != "You get it back."
    assert counter.files() == before


@pytest.mark.long
def test_on_a_phone(browser: Browser, counter: Counter) -> None:
    before = counter.files()
    with visiting(browser, counter, **PHONE) as visitor:
        visitor.open("eve")
        visitor.page.wait_for_selector("#places:not([hidden])")
        teach_train_swap(visitor, "bonjour", "greet", lambda it: it.tap(), met=judge)
        assert last_answer(visitor) == "Hello!"
    assert counter.added_since(before) == ["data/nlu.yml: - bonjour"]


@pytest.mark.long
def test_axe_finds_nothing_at_any_place(browser: Browser, counter: Counter) -> None:
    """With what a real server has there."""
    with visiting(browser, counter, **DESKTOP) as visitor:
        page = visitor.page
        for place, content in (("inbox", ".group"), ("changes", ".change-head")):
            visitor.go(place)
            page.wait_for_selector(content)
            judge(visitor)
        visitor.go("look")
        for tab, content in (
            ("Confusion", "table.grid"),
            ("Confidence", ".figures"),
            ("More examples?", ".figures"),
            ("Layers", ".kernel"),
        ):
            page.get_by_role("tab", name=tab).click()
            if tab == "More examples?":
                page.get_by_label("Would more examples help").select_option("sail")
                page.get_by_role("button", name="Find out").click()
            page.locator(f".look-panel:not([hidden]) {content}").first.wait_for()
            judge(visitor)


def teach_train_swap(
    visitor: Visitor,
    text: str,
    intent: str,
    press: Callable[[Any], None],
    met: Callable[[Visitor], None] = lambda visitor: None,
) -> None:
    """Say a text, correct its intent, train, put the model in service, and say it again.

    Args:
        visitor: in a conversation.
        text: which the model does not understand.
        intent: what it means.
        press: how buttons are pressed.
        met: called with the visitor wherever something new is seen.
    """
    page = visitor.page
    visitor.say(text)
    met(visitor)
    press(page.locator(".turn .correct").last)
    press(page.get_by_role("combobox", name="Intent"))
    press(page.get_by_role("option", name=re.compile(rf"^{intent}\b")))
    page.wait_for_selector(READY)
    met(visitor)
    press(page.locator(READY))
    page.wait_for_selector(".taught .added")
    met(visitor)
    press(page.locator(".taught").get_by_role("button", name="Train"))
    page.wait_for_selector("#train progress")
    met(visitor)
    page.wait_for_selector(".verdict")
    met(visitor)
    press(page.get_by_role("button", name="Put in service"))
    page.wait_for_selector(".done-with")
    press(page.get_by_role("link", name="Talk"))
    visitor.say(text)
