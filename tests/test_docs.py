"""What the documents say works: snippets run, links lead somewhere, commands exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")])
RUN = [page for page in PAGES if page.name == "README.md" or ROOT / "docs" in page.parents]
KERNELS = ROOT / "docs" / "concepts" / "kernels.md"

FENCE = re.compile(
    r"^( *)(`{3,}|~{3,}) *([\w+-]*)([^\n]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL
)
TITLE = re.compile(r'title="([^"]+)"')
NOT_RUN = re.compile(r"<!-- not run: \S.*? -->\s*\Z", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block: language, code, first line, whether it is run, the file it is taken from."""

    language: str
    code: str
    line: int
    is_run: bool
    source: str | None


def blocks(text: str) -> list[Block]:
    return [
        Block(
            language=match.group(3),
            code="\n".join(
                line.removeprefix(match.group(1)) for line in match.group(5).splitlines()
            ),
            line=text.count("\n", 0, match.start()) + 2,
            is_run=NOT_RUN.search(text[: match.start()]) is None and title is None,
            source=None if title is None else title.group(1),
        )
        for match in FENCE.finditer(text)
        for title in [TITLE.search(match.group(4))]
    ]


def run_python_blocks(text: str, name: str) -> int:
    """Run the Python blocks of a page one after the other; how many there were."""
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    todo = [block for block in blocks(text) if block.language == "python" and block.is_run]
    for block in todo:
        # Blank lines in front, so that a traceback names the line of the page.
        exec(compile("\n" * (block.line - 1) + block.code, name, "exec"), namespace)
    return len(todo)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("page", RUN, ids=named)
def test_python_snippets_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    n_run = run_python_blocks(page.read_text("utf-8"), named(page))
    if page == ROOT / "README.md":
        assert n_run > 0


def not_in_its_source(text: str, root: Path) -> list[str]:
    """Blocks that say which file they are from and are not in it, indentation aside."""

    def plain(code: str) -> str:
        return "\n".join(line.strip() for line in code.splitlines())

    return [
        block.code
        for block in blocks(text)
        if block.source is not None
        and plain(block.code) not in plain((root / block.source).read_text("utf-8"))
    ]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_quoted_code_is_in_its_file(page: Path) -> None:
    assert not_in_its_source(page.read_text("utf-8"), ROOT) == []


def test_the_page_on_kernels_shows_what_is_written() -> None:
    from gossamer.nn.kernels import adam

    with patch.object(adam, "Kernel", lambda function, name, declared: function.text()):
        written = str(adam.adam.__wrapped__())
    shown = [block for block in blocks(KERNELS.read_text("utf-8")) if block.language == "llvm"]
    assert len(shown) == 3
    for block in shown:
        assert set(block.code.splitlines()) <= set(written.splitlines())


def test_the_paths_of_the_page_on_architecture_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    paths = re.findall(r"`([a-z_]+/[a-z_/]*(?:\w+\.py)?)`", page)
    assert len(paths) > 60
    package = ROOT / "src" / "gossamer"
    assert [p for p in paths if not ((package / p).exists() or (ROOT / p).exists())] == []


def test_the_reference_has_all_of_sparse() -> None:
    from gossamer import sparse

    page = (ROOT / "docs" / "reference" / "api" / "sparse.md").read_text("utf-8")
    shown = re.findall(r"^::: gossamer\.sparse\.(\w+)$", page, re.MULTILINE)
    assert sorted(shown) == sorted(sparse.__all__)


def slug(heading: str) -> str:
    """The anchor that code hosts give a heading."""
    plain = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def dead_links(page: Path, root: Path) -> list[str]:
    """Local links of a page that lead nowhere, or out of the repository."""
    dead = []
    text = FENCE.sub("", page.read_text("utf-8"))
    for target in LINK.findall(re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or not file.is_relative_to(root):
            dead.append(target)
        elif anchor and file.suffix == ".md":
            headings = HEADING.findall(FENCE.sub("", file.read_text("utf-8")))
            if anchor not in map(slug, headings):
                dead.append(target)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    assert dead_links(page, ROOT) == []


def shell_commands(text: str) -> Iterator[list[str]]:
    """The words of each command in the shell blocks of a page."""
    for block in blocks(text):
        if block.language in {"sh", "bash", "console", "shell"}:
            for line in block.code.replace("\\\n", " ").splitlines():
                lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
                lexer.whitespace_split = True
                for is_operator, tokens in groupby(lexer, key=lambda t: not t.strip("&|;")):
                    if not is_operator:
                        yield list(tokens)


def wrong_command(tokens: list[str], command: Any) -> str | None:
    """What is wrong with a `gossamer ...` command line, or None."""
    options = known_options(command)
    is_value = False
    for position, token in enumerate(tokens[1:], start=1):
        subcommands = getattr(command, "commands", None)
        if token in {"<", ">"}:
            break
        if is_value:
            is_value = False
        elif token.startswith("-") and len(token) > 1 and not re.match(r"-\d", token):
            name, has_value, _ = token.partition("=")
            if name not in options:
                return f"{token} is no option of {' '.join(tokens[:position])}"
            is_value = options[name] and not has_value
        elif subcommands is not None:
            if token not in subcommands:
                return f"{token} is no command of {' '.join(tokens[:position])}"
            command = subcommands[token]
            options |= known_options(command)
    needs_command = getattr(command, "commands", None) and not command.invoke_without_command
    if needs_command and not {"--help", "--version"} & set(tokens):
        return f"{' '.join(tokens)} needs a command"
    return None


def known_options(command: Any) -> dict[str, bool]:
    """The options of a command, and whether a value stands behind each."""
    return {"--help": False} | {
        name: not getattr(param, "is_flag", False)
        for param in command.params
        for name in (*param.opts, *param.secondary_opts)
    }


def command_tree() -> Any:
    from typer.main import get_command

    from gossamer.cli import app

    return get_command(app)


@pytest.mark.thinned(12)
@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_and_options_exist(page: Path) -> None:
    tree = command_tree()
    for tokens in shell_commands(page.read_text("utf-8")):
        if tokens[0] == "gossamer":
            assert wrong_command(tokens, tree) is None, tokens


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_words_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for tokens in shell_commands(page.read_text("utf-8")):
        if tokens[0] == "make":
            assert {token for token in tokens[1:] if "=" not in token} <= targets, tokens


def test_the_makefile_uses_commands_that_exist() -> None:
    tree = command_tree()
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    lines = re.findall(r"\$\(GOSSAMER\) (.*)", makefile)
    assert len(lines) == 7
    for line in lines:
        assert wrong_command(["gossamer", *shlex.split(line)], tree) is None, line


SAMPLE = """# A page

## Two words

```python
seen = [1]
```

<!-- not run: needs a network -->
```python
raise SystemExit
```

```python
seen.append(2)
```

```sh
$ gossamer train nlu --nlu a.yml \\
    --out models && make demo  # a remark
```

[good](other.md#an-anchor) [here](#two-words) [web](https://example.org) `[no](link)`
[lost](missing.md) [no anchor](#three-words) [outside](../..)
"""


def test_blocks_share_a_namespace_and_some_are_not_run() -> None:
    assert run_python_blocks(SAMPLE, "sample") == 2


def test_a_broken_snippet_fails_and_names_its_line() -> None:
    with pytest.raises(NameError) as caught:
        run_python_blocks("text\n\n```python\nnonsense\n```\n", "sample.md")
    assert caught.traceback[-1].lineno + 1 == 4


def test_code_that_is_not_in_its_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f():\n    return 1\n", "utf-8")
    page = '```python title="a.py"\nreturn {}\n```\n'
    assert not_in_its_source(page.format(1), tmp_path) == []
    assert not_in_its_source(page.format(2), tmp_path) == ["return 2"]


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(SAMPLE, "utf-8")
    (tmp_path / "other.md").write_text("# An `anchor`\n", "utf-8")
    dead = dead_links(tmp_path / "page.md", tmp_path)
    assert dead == ["missing.md", "#three-words", "../.."]


def test_shell_commands_are_found() -> None:
    assert list(shell_commands(SAMPLE)) == [
        ["gossamer", "train", "nlu", "--nlu", "a.yml", "--out", "models"],
        ["make", "demo"],
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("gossamer --help", None),
        ("gossamer parse 'two words' --model models", None),
        ("gossamer train nlu --config c.yml", None),
        ("gossamer fly", "fly is no command of gossamer"),
        ("gossamer train nlu --confg c.yml", "--confg is no option of gossamer train nlu"),
        ("gossamer train --data a.yml --quiet", None),
        ("gossamer shell < script.txt", None),
        (
            "gossamer test --stories a.yml b.yml",
            "b.yml is no command of gossamer test --stories a.yml",
        ),
        ("gossamer data", "gossamer data needs a command"),
    ],
)
def test_wrong_commands_are_found(line: str, fault: str | None) -> None:
    assert wrong_command(shlex.split(line), command_tree()) == fault
