"""Where what is taught goes, in files of every layout: the lines that change are spelt out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_projects import DOMAIN, bytes_of, make_project, message

from gossamer.data.errors import DataError
from gossamer.data.nlu.reading import read_training_data
from gossamer.teach import Correction, MessageCorrection, TaughtProject

HI = message("hi there", "greet")
A = "- intent: greet\n  examples: |\n    - a\n"
B = "- intent: bye\n  examples: |\n    - b\n"
MOVES = "- intent: bye\n  examples: |\n    - hi there"
LINE = "    - hi there"


def taught(folder: Path, correction: Correction, file: str = "data/nlu.yml") -> str:
    """The file after teaching; all others as before, data as before and what is taught, undone."""
    before = bytes_of(folder)
    known = read_training_data(folder / "data")
    project = TaughtProject(folder)
    patch = project.preview(correction)
    assert bytes_of(folder) == before
    done = project.teach(correction, who="me")
    assert done.patch == patch
    after = bytes_of(folder)
    assert {name for name in after if after[name] != before.get(name)} == {
        change.path for change in patch.files
    }
    assert isinstance(correction, MessageCorrection)
    example = correction.example
    meant = [(e.text, e.intent, e.entities) for e in known.examples if e.text != example.text]
    meant.append((example.text, example.intent, example.entities))
    found = [(e.text, e.intent, e.entities) for e in read_training_data(folder / "data").examples]
    assert sorted(map(repr, found)) == sorted(map(repr, meant))
    project.undo(done.id, who="me")
    assert bytes_of(folder) == before
    return after[file].decode()


# With a tab in it, ruamel.yaml reads the file, else libyaml: both must say the same of places.
BOTH_READERS = pytest.mark.parametrize("first", ["# x\n", "# \t\n"], ids=["", "tab"])


@pytest.mark.thinned(12)
@BOTH_READERS
@pytest.mark.parametrize(
    ("nlu", "correction", "line", "new"),
    [
        pytest.param(A, HI, 5, LINE, id="|"),
        pytest.param(A.replace("|", "|-"), HI, 5, LINE, id="|-"),
        pytest.param(
            "- intent: greet\n  examples: |+\n    - a\n\n", HI, 5, LINE, id="|+"
        ),
        pytest.param(A.replace("|", "|2"), HI, 5, LINE, id="|2"),
        pytest.param("- intent: greet\n  examples: | # why\n    - a\n", HI, 5, LINE),
        pytest.param(
            "- intent: greet\n  examples: |\n       - a\n       - b\n", HI, 6, "       - hi there"
        ),
        pytest.param("- intent: greet\n  examples: |\n   -a\n\n   -   b\n", HI, 7, "   - hi there"),
        pytest.param(
            "- intent: greet\n  examples: |\n    - a\n  # that was it\n\n# more\n- intent: bye\n"
            "  examples: |\n    - b\n",
            *(HI, 5, LINE),
            id="comments after",
        ),
        pytest.param(
            "- intent: greet\n  # first\n  examples: |\n    - a\n# second\n", HI, 6, LINE
        ),
        pytest.param(
            "  - intent: greet\n    examples: |\n      - a\n", HI, 5, "      - hi there", id="moved"
        ),
        pytest.param(
            "-\n  examples: |\n    - a\n  intent: greet\n", HI, 5, LINE, id="turned"
        ),
        pytest.param(
            '- "intent": "greet"\n  "examples": |\n    - a\n', HI, 5, LINE, id="quoted"
        ),
        pytest.param(
            "- intent: greet\n  examples:\n  - text: a\n", HI, 5, "  - text: hi there", id="list"
        ),
        pytest.param(
            "- intent: greet\n  examples:\n    - text: |\n        a\n      metadata:\n"
            "        x: |\n          b\n\n  # end\n",
            *(HI, 9, "    - text: hi there"),
            id="list with metadata",
        ),
        pytest.param(
            "- intent: greet\n  examples:\n  - text: >-\n      a\n      b\n  # c\n",
            *(HI, 7, "  - text: hi there"),
            id=">-",
        ),
        pytest.param(
            "- intent: greet\n  metadata: {x: 1}\n  examples: |\n    - a\n", HI, 6, LINE
        ),
        pytest.param(
            "- intent: greet\n  examples: |\n    - a\n- intent: bye\n  examples: |\n    - b\n"
            "- intent: greet\n  examples: |\n    - c\n    - d\n",
            *(HI, 12, LINE),
            id="the largest block",
        ),
        pytest.param(
            A, message("x: y # z", "greet"), 5,
            "    - x: y # z",
        ),
        pytest.param(
            A, message("- x", "greet"), 5, "    - - x"
        ),
        pytest.param(
            A, message("[x] \"y\" {", "greet"), 5,
            "    - [x] \"y\" {",
        ),
        pytest.param(
            A, message("Grüße 🎉", "greet"), 5,
            "    - Grüße 🎉",
        ),
        pytest.param(
            A,
            message("to Rome at 5", "greet", daytime={"text": "5", "value": 17}),
            *(5, '    - to Rome at [5]{"entity": "daytime", "value": 17}'),
        ),
        pytest.param(
            A,
            message("to Rome", "greet", daytime={"text": "Rome", "value": "x"}),
            *(5, "    - to [Rome](daytime:x)"),
        ),
        pytest.param(
            "- intent: greet\n  examples:\n  - text: a\n", message("- x", "greet"), 5,
            '  - text: "- - x"',
        ),
        pytest.param(
            "- intent: greet\n  examples:\n  - text: a\n", message("x # y", "greet"), 5,
            '  - text: "x # y"',
        ),
        pytest.param(
            "- intent: greet\n  examples:\n  - text: a\n", message("yes", "greet"), 5,
            '  - text: "yes"',
        ),
        pytest.param(A, message("a\tb", "greet"), 5, "    - a\tb", id="a tab"),
        pytest.param(
            "- intent: greet\n  examples: |\n    - caf\\u00e9\n", message("thé 🎉", "greet"), 5,
            "    - th\\u00e9 \\U0001f389",
            id="escapes of an ASCII file",
        ),
    ],
)  # fmt: skip
def test_one_line_is_added(
    tmp_path: Path, nlu: str, correction: Correction, line: int, new: str, first: str
) -> None:
    text = f"{first}nlu:\n{nlu}"
    folder = make_project(tmp_path, text, DOMAIN)
    lines = text.split("\n")
    lines.insert(line, new)
    assert taught(folder, correction) == "\n".join(lines)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_mark(tmp_path: Path, end: str, last: str, mark: str) -> None:
    lines = ["nlu:", "- intent: bye", "  examples: |", "    - b", "- intent: greet"]
    lines += ["  examples: |", "    - a"]
    text = mark + end.join(lines) + (end if last else "")
    folder = make_project(tmp_path, text)
    new = mark + end.join([*lines, "    - hi there"]) + (end if last else "")
    assert taught(folder, HI) == new
    middle = mark + end.join([*lines[:4], "    - ciao", *lines[4:]]) + (end if last else "")
    assert taught(folder, message("ciao", "bye")) == middle


def test_mixed_line_ends(tmp_path: Path) -> None:
    text = (
        "nlu:\r\n- intent: greet\n  examples: |\n    - a\r\n- intent: bye\n  examples: |\n    - b\n"
    )
    folder = make_project(tmp_path, text)
    assert taught(folder, HI) == text.replace("- a\r\n", "- a\r\n    - hi there\r\n")


@pytest.mark.thinned(12)
@BOTH_READERS
@pytest.mark.parametrize(
    ("nlu", "correction", "old", "new"),
    [
        pytest.param(
            'nlu: [{intent: greet, examples: "- a\\n- b"}, {intent: bye, examples: "- c"}]\n',
            HI,
            '"- a\\n- b"}',
            '"- a\\n- b"}, {intent: "greet", examples: "- hi there"}',
            id="all in brackets",
        ),
        pytest.param(
            "nlu:\n- {intent: greet, examples: [{text: a}, {text: b}]} # x\n",
            HI,
            "{text: b}",
            '{text: b}, {text: "hi there"}',
            id="examples in brackets",
        ),
        pytest.param(
            'nlu:\n- intent: greet\n  examples: "- a"\n- intent: bye\n  examples: |\n      - b\n',
            HI,
            '"- a"\n',
            '"- a"\n- intent: greet\n  examples: |\n      - hi there\n',
            id="quoted examples",
        ),
        pytest.param(
            f"nlu:\n{A}\n{B}",
            message("two\nlines", "greet"),
            "- a\n",
            '- a\n\n- intent: greet\n  examples:\n  - text: "two\\nlines"\n',
            id="more than a line",
        ),
        pytest.param(
            "nlu:\n-   intent: greet\n    examples: |\n        - a\n",
            message("b", "thank"),
            "- a\n",
            "- a\n-   intent: thank\n    examples: |\n        - b\n",
            id="as the others",
        ),
        pytest.param(
            "nlu:\n- intent: greet\n  examples: |\n    - a\n\n# phrases\n- synonym: x\n"
            "  examples: |\n    - y\n",
            message("b", "thank"),
            "    - a\n",
            "    - a\n\n- intent: thank\n  examples: |\n    - b\n",
            id="before synonyms",
        ),
        pytest.param(
            f"nlu:\n{A}{B}".replace("greet", "faq/one").replace("bye", "faq/two"),
            message("c", "faq/one"),
            "- a\n",
            "- a\n    - c\n",
            id="retrieval intent",
        ),
        pytest.param(
            f"nlu:\n{A}{MOVES}\n    - c\n",
            HI,
            "- a\n- intent: bye\n  examples: |\n    - hi there\n",
            "- a\n    - hi there\n- intent: bye\n  examples: |\n",
            id="moved",
        ),
        pytest.param(
            "nlu:\n- intent: greet\n  examples: |\n    - a\n# b\n- intent: bye\n  examples: |\n"
            "    - hi there\n# c",
            HI,
            "- a\n# b\n- intent: bye\n  examples: |\n    - hi there\n",
            "- a\n    - hi there\n# b\n",
            id="moved, the last of its intent",
        ),
        pytest.param(
            f"nlu:\n{A}{MOVES}",
            HI,
            "- a\n- intent: bye\n  examples: |\n    - hi there",
            "- a\n    - hi there\n",
            id="moved from the end of a file",
        ),
        pytest.param(
            "nlu:\n- intent: bye\n  examples:\n  - text: hi there\n    metadata: {x: 1}\n"
            "  - text: c\n- intent: greet\n  examples:\n  - text: a\n",
            HI,
            "  - text: hi there\n    metadata: {x: 1}\n  - text: c\n"
            "- intent: greet\n  examples:\n  - text: a\n",
            "  - text: c\n- intent: greet\n  examples:\n  - text: a\n  - text: hi there\n"
            "    metadata:\n      x: 1\n",
            id="moved with its metadata",
        ),
        pytest.param(
            "nlu:\n- intent: greet\n  examples: |\n    -  hi [there](place)\n    - b\n",
            HI,
            "-  hi [there](place)\n",
            "-  hi there\n",
            id="another annotation",
        ),
        pytest.param(
            "nlu:\n- intent: greet\n  examples:\n  - text: |\n      hi [there](place)\n\n"
            "    metadata: 1\n",
            HI,
            "|\n      hi [there](place)\n\n",
            "hi there\n\n",
            id="another annotation in a list",
        ),
        pytest.param(
            'nlu:\n- intent: greet\n  examples: [{"text": "hi [there](place)"}, {text: b}]\n',
            HI,
            '"hi [there](place)"',
            '"hi there"',
            id="another annotation in brackets",
        ),
        pytest.param(
            "nlu:\n- intent: greet\n  examples: |\n    - hi [there](place)\n- intent: bye\n"
            "  examples: |\n    - b\n    - hi there\n",
            HI,
            "[there](place)\n- intent: bye\n  examples: |\n    - b\n    - hi there\n",
            "there\n- intent: bye\n  examples: |\n    - b\n",
            id="annotated and in two intents",
        ),
        pytest.param(
            "nlu:\n- intent: greet\n  examples: [{text: hi there}, {text: hi there}, {text: b},"
            " {text: hi there}, {text: hi there}]\n- intent: bye\n  examples: [{text: c}]\n",
            message("hi there", "bye"),
            "[{text: hi there}, {text: hi there}, {text: b}, {text: hi there}, {text: hi there}]\n"
            "- intent: bye\n  examples: [{text: c}]",
            '[{text: b}]\n- intent: bye\n  examples: [{text: c}, {text: "hi there"}]',
            id="several moved in brackets",
        ),
        pytest.param(
            "nlu:\n- intent: greet\n  examples: [{text: hi there}, {text: b}]\n- intent: bye\n"
            "  examples: [{text: c}]\n",
            message("hi there", "bye"),
            "[{text: hi there}, {text: b}]\n- intent: bye\n  examples: [{text: c}]",
            '[{text: b}]\n- intent: bye\n  examples: [{text: c}, {text: "hi there"}]',
            id="moved in brackets",
        ),
    ],
)
def test_some_lines_change(
    tmp_path: Path, nlu: str, correction: Correction, old: str, new: str, first: str
) -> None:
    nlu = first + nlu
    domain = DOMAIN.replace("- greet", "- greet\n- thank\n- faq").replace("daytime", "place")
    assert nlu.count(old) == 1
    assert taught(make_project(tmp_path, nlu, domain), correction) == nlu.replace(old, new)


def test_the_only_example_of_a_file_moves_to_another(tmp_path: Path) -> None:
    others = {
        "data/a.yml": f"nlu:  # one\n# two\n{MOVES}\n# three\n",
    }
    folder = make_project(tmp_path, others=others)
    assert taught(folder, HI, "data/a.yml") == "nlu: []  # one\n# two\n# three\n"


def test_all_blocks_of_a_file_move_to_another(tmp_path: Path) -> None:
    others = {"data/a.yml": f"nlu:\n{MOVES}\n\n# two\n- {{intent: x, examples: [text: hi there]}}"}
    folder = make_project(tmp_path, others=others)
    assert taught(folder, HI, "data/a.yml") == "nlu: []\n\n# two\n"


def test_an_example_goes_where_most_of_its_intent_are(tmp_path: Path) -> None:
    block = "nlu:\n- intent: greet\n  examples: |\n    - {}\n    - {}\n    - {}\n"
    others = {"data/a.yml": "nlu:\n- intent: greet\n  examples: |\n    - x\n"}
    others["data/deep/b.yaml"] = block.format("b", "c", "d")
    folder = make_project(tmp_path, others=others)
    expected = others["data/deep/b.yaml"] + "    - hi there\n"
    assert taught(folder, HI, "data/deep/b.yaml") == expected


def test_a_new_key_goes_where_its_retrieval_intent_is(tmp_path: Path) -> None:
    text = "nlu:\n- intent: faq/a\n  examples: |\n    - x\n"
    folder = make_project(
        tmp_path, domain=DOMAIN.replace("- bye", "- bye\n- faq"), others={"data/faq.yml": text}
    )
    expected = text + "- intent: faq/b\n  examples: |\n    - y\n"
    assert taught(folder, message("y", "faq/b"), "data/faq.yml") == expected


ROLE = message("to Rome", "inform", city={"text": "Rome", "role": "to"})


@pytest.mark.thinned(12)
@BOTH_READERS
@pytest.mark.parametrize(
    ("domain", "correction", "old", "new"),
    [
        pytest.param(
            "intents:\n- greet\n# c\n\nentities:\n  - place\n# d\n",
            ROLE,
            "- greet\n# c\n\nentities:\n  - place\n",
            "- greet\n- inform\n# c\n\nentities:\n  - place\n  - city:\n      roles:\n      - to\n",
            id="lists",
        ),
        pytest.param(
            "intents: [greet,\n  bye] # x\nentities: [] # y\n",
            ROLE,
            "bye] # x\nentities: [] # y",
            'bye, "inform"] # x\nentities:\n- city:\n    roles:\n    - to # y',
            id="brackets",
        ),
        pytest.param(
            "intents: [greet]\nentities: [place]\n",
            ROLE,
            "greet]\nentities: [place]",
            'greet, "inform"]\nentities: [place, {"city": {roles: ["to"]}}]',
            id="a role in brackets",
        ),
        pytest.param(
            "intents:\n- greet:\n    use_entities: []\nentities:\nresponses: {}\n",
            ROLE,
            "use_entities: []\nentities:\n",
            "use_entities: []\n- inform\nentities:\n- city:\n    roles:\n    - to\n",
            id="empty",
        ),
        pytest.param(
            "intents: ~\nactions:\n- a\n\n# end\n",
            ROLE,
            "intents: ~\nactions:\n- a\n",
            "intents:\n- inform\nactions:\n- a\nentities:\n- city:\n    roles:\n    - to\n",
            id="missing",
        ),
        pytest.param(
            "intents: [inform]\nentities:\n- city # c\n- place\n",
            ROLE,
            "- city # c\n",
            "- city: # c\n    roles:\n    - to\n",
            id="a first role",
        ),
        pytest.param(
            "intents: [inform]\nentities: # c\n- city\n",
            message("to Rome", "inform", city={"text": "Rome", "role": "to", "group": "a"}),
            "- city\n",
            "- city:\n    roles:\n    - to\n    groups:\n    - a\n",
            id="a first role and group",
        ),
        pytest.param(
            "intents: [inform]\nentities: [place, city]\n",
            ROLE,
            "city]",
            '{city: {roles: ["to"]}}]',
            id="a first role in brackets",
        ),
        pytest.param(
            "intents: [inform]\nentities:\n- city:\n    roles:\n      - from\n    groups: [a]\n",
            ROLE,
            "- from\n",
            "- from\n      - to\n",
            id="another role",
        ),
        pytest.param(
            "intents: [inform]\nentities:\n- city: {roles: [from]}\n",
            ROLE,
            "[from]",
            '[from, "to"]',
            id="another role in brackets",
        ),
        pytest.param(
            "intents: [inform]\nentities:\n- city:\n    groups: [a]\n    roles:\n",
            ROLE,
            "roles:\n",
            "roles:\n    - to\n",
            id="roles left out",
        ),
        pytest.param(
            "intents: [inform]\nentities:\n- city:\n    roles: [to]\n",
            message("to Rome", "inform", city={"text": "Rome", "role": "to", "group": "1"}),
            "    roles: [to]\n",
            '    roles: [to]\n    groups:\n    - "1"\n',
            id="a group",
        ),
        pytest.param(
            "intents: [inform]\nentities:\n- city:\n    groups:\n    - b\n",
            message("to Rome", "inform", city={"text": "Rome", "role": "to", "group": "a"}),
            "    - b\n",
            "    - b\n    - a\n    roles:\n    - to\n",
            id="another group and a first role",
        ),
        pytest.param(
            "intents: [inform]\nentities:\n- city: {roles: [to]}\n",
            message("to Rome", "inform", city={"text": "Rome", "role": "to", "group": "b"}),
            "{roles: [to]}",
            '{roles: [to], groups: ["b"]}',
            id="a group in brackets",
        ),
    ],
)
def test_a_domain_gets_what_it_lacks(
    tmp_path: Path, domain: str, correction: Correction, old: str, new: str, first: str
) -> None:
    domain = first + domain
    assert domain.count(old) == 1
    nlu = "nlu:\n- intent: inform\n  examples: |\n    - a\n"
    folder = make_project(tmp_path, nlu, domain)
    assert taught(folder, correction, "domain.yml") == domain.replace(old, new)


def test_several_types_and_roles_at_once(tmp_path: Path) -> None:
    correction = message(
        "a b c d",
        "greet",
        one="a",
        two={"text": "b", "role": "r"},
        daytime={"text": "c", "role": "s", "group": "t"},
    )
    folder = make_project(tmp_path, domain="intents: [greet, bye]\nentities: []\n")
    assert taught(folder, correction, "domain.yml") == (
        "intents: [greet, bye]\nentities:\n- one\n- two:\n    roles:\n    - r\n"
        "- daytime:\n    roles:\n    - s\n    groups:\n    - t\n"
    )


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_domain_of_several_files(tmp_path: Path, is_folder: bool) -> None:
    files = {
        "domain/a.yml": "intents:\n- greet\n",
        "domain/b.yml": "intents:\n- bye\n- help\nentities: [x]\n",
        "domain/c.yml": "entities:\n- y\n- city\n",
    }
    folder = make_project(tmp_path, domain=None, others=files)
    domain = "domain" if is_folder else list(files)
    project = TaughtProject(folder, domain=domain)
    patch = project.teach(ROLE, who="me").patch
    assert [change.path for change in patch.files] == [
        "data/nlu.yml",
        "domain/b.yml",
        "domain/c.yml",
    ]
    after = bytes_of(folder)
    assert after["domain/b.yml"].decode() == "intents:\n- bye\n- help\n- inform\nentities: [x]\n"
    assert after["domain/c.yml"].decode() == "entities:\n- y\n- city:\n    roles:\n    - to\n"


def test_default_intents_and_projects_without_a_domain_need_nothing(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "a")
    patch = TaughtProject(folder).preview(message("x", "out_of_scope"))
    assert [change.path for change in patch.files] == ["data/nlu.yml"]
    folder = make_project(tmp_path / "b", domain=None)
    patch = TaughtProject(folder).preview(ROLE)
    assert [change.path for change in patch.files] == ["data/nlu.yml"]


def test_one_file_with_everything(tmp_path: Path) -> None:
    text = (
        "intents:\n- greet\nnlu:\n- intent: greet\n  examples: |\n    - a\n"
        "stories:\n- story: s\n  steps:\n  - intent: greet\n  - action: action_listen\n"
    )
    folder = make_project(tmp_path, text, domain=None)
    project = TaughtProject(folder, domain="data/nlu.yml")
    project.teach(message("b", "bye"), who="me")
    assert bytes_of(folder)["data/nlu.yml"].decode() == text.replace(
        "- greet\nnlu", "- greet\n- bye\nnlu"
    ).replace("    - a\n", "    - a\n- intent: bye\n  examples: |\n    - b\n")


@pytest.mark.parametrize(
    ("nlu", "says"),
    [
        pytest.param(
            "nlu:\n- intent: greet\n  examples: >\n    - a\n", "folded block", id="folded"
        ),
        pytest.param(
            "x: &x |\n  - a\nnlu:\n- intent: greet\n  examples: *x\n", "anchor", id="anchor"
        ),
        pytest.param(
            "nlu:\n- &x\n  intent: greet\n  examples: |\n    - a\n- *x\n", "anchor", id="item"
        ),
        pytest.param("nlu: {}\n", "must be a list", id="no list"),
        pytest.param("nlu: [\n", "well-formed", id="broken"),
        pytest.param("stories: []\n", "must have an example in a YAML file", id="no examples"),
        pytest.param(b"nlu:\n- intent: \xff\n", "must be UTF-8", id="no UTF-8"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*nothing of this file is read")
@pytest.mark.filterwarnings("ignore:.*is empty")
@pytest.mark.filterwarnings("ignore:.*not read")
def test_what_cannot_be_taught(tmp_path: Path, nlu: str | bytes, says: str) -> None:
    folder = make_project(tmp_path, nlu)
    before = bytes_of(folder)
    with pytest.raises(DataError, match=says):
        TaughtProject(folder).teach(HI, who="me")
    assert bytes_of(folder) == before


@pytest.mark.parametrize(
    ("text", "says"),
    [("a [b](c) d", "must not look like an annotation"), ("hello", "already")],
)
def test_texts_that_cannot_be_taught(tmp_path: Path, text: str, says: str) -> None:
    folder = make_project(tmp_path)
    with pytest.raises(DataError, match=says):
        TaughtProject(folder).teach(message(text, "greet"), who="me")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data/nlu.md", "## intent:greet\n- a\n- hi there\n"),
        (
            "data/nlu.json",
            '{"rasa_nlu_data": {"common_examples": [{"text": "hi there", "intent": "bye"}]}}',
        ),
    ],
)
def test_only_yaml_can_be_taught(tmp_path: Path, name: str, content: str) -> None:
    folder = make_project(tmp_path, None, others={name: content})
    for text in ("hi there", "something else"):
        with pytest.raises(DataError, match=r"only YAML can be taught.*gossamer data convert"):
            TaughtProject(folder).teach(message(text, "greet"), who="me")


def test_quotes_hold_an_example_fast(tmp_path: Path) -> None:
    folder = make_project(tmp_path, 'nlu:\n- intent: bye\n  examples: "- hi there\\n- a"\n')
    with pytest.raises(DataError, match="must be in a block of lines"):
        TaughtProject(folder).teach(HI, who="me")
