"""Any corrections of any small project: files keep what they said, and undo gives them back."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_projects import bytes_of, make_project

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.reading import read_training_data
from gossamer.teach import MessageCorrection, TaughtProject, correction_of

# What YAML, annotations and lines care about, and what they do not.
SIGNS = "ab cé-#:[](){}\"'|>&*!%@`,?\\u00e9 \t\n🎉~"
WORDS = st.one_of(
    st.text(st.sampled_from(SIGNS), min_size=1, max_size=12),
    st.sampled_from(["yes", "null", "- a", "# b", "17", "a: b", "x", "y z", "${HOME}", "[a](b)"]),
)
TEXTS = WORDS.filter(lambda text: bool(text.strip()))
INTENTS = st.sampled_from(["greet", "bye", "faq/one", "faq/two", "new one", "${HOME}", "17", "yes"])
ENTITIES = st.sampled_from(["city", "date", "it's", "${HOME}", "null"])
LABELS = st.one_of(st.none(), st.sampled_from(["to", "from", "1"]))


@st.composite
def corrections(draw: st.DrawFn) -> MessageCorrection:
    text = draw(TEXTS).strip()
    entities = []
    if draw(st.booleans()):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        covered = text[start:end]
        if covered == covered.strip():
            entity = {"start": start, "end": end, "entity": draw(ENTITIES)}
            entity |= {"role": draw(LABELS), "group": draw(LABELS)}
            entities.append(entity | ({"value": "v"} if draw(st.booleans()) else {}))
    content = {"kind": "message", "text": text, "intent": draw(INTENTS), "entities": entities}
    found = correction_of(content)
    assert isinstance(found, MessageCorrection)
    return found


LINES = st.lists(
    st.sampled_from(["hello", "hi [there](city)", "x", "17", "y z", "- a"]), min_size=1
)


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """An item of `nlu`, in one of its layouts."""
    intent = draw(st.sampled_from(["greet", "bye", "faq/one", '"greet"']))
    texts = draw(LINES)
    remark = draw(st.sampled_from(["", "  # remark\n", "\n", "# more\n\n"]))
    layout = draw(st.integers(0, 3))
    if layout == 0:
        sign = draw(st.sampled_from(["|", "|-", "| # x"]))
        lines = "".join(f"     - {text}\n" for text in texts)
        return f"- intent: {intent}\n  examples: {sign}\n{lines}{remark}"
    if layout == 1:
        lines = "".join(f"  - text: '{text}'\n    metadata: {{a: 1}}\n" for text in texts)
        return f"- intent: {intent}\n  examples:\n{remark}{lines}"
    if layout == 2:
        lines = "".join(f"   - text: |\n      {text}\n" for text in texts)
        return f"- examples:\n{lines}{remark}  intent: {intent}\n"
    lines = ", ".join(f'{{text: "{text}"}}' for text in texts)
    return f"- {{intent: {intent}, examples: [{lines}]}}\n{remark}"


DOMAINS = st.sampled_from(
    [
        None,
        "intents: [greet, bye, faq]\nentities: []\n",
        "intents:\n- greet\n- bye # x\n- faq:\n    use_entities: []\nentities:\n- city:\n"
        "    roles: [from]\n# end",
        "actions: [a]\n",
    ]
)


def facts(examples: tuple[Example, ...]) -> Counter[tuple[str, str | None, str]]:
    return Counter((e.text, e.intent, repr(e.entities)) for e in examples)


@given(
    st.lists(blocks(), min_size=1, max_size=4),
    st.lists(blocks(), min_size=1, max_size=2),
    DOMAINS,
    st.lists(corrections(), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@pytest.mark.filterwarnings("ignore:.*what looks like an annotation")
@pytest.mark.filterwarnings("ignore:.*an annotation must not hold another")
@pytest.mark.filterwarnings("ignore:.*an intent .* is already")
def test_any_corrections(
    first: list[str],
    second: list[str],
    domain: str | None,
    taught: list[MessageCorrection],
    end: str,
    ends: bool,
    chance: object,
) -> None:
    texts = ["nlu:\n" + "".join(part) for part in (first, second)]
    texts = [text if ends else text.rstrip("\n") for text in texts]
    raw = [text.replace("\n", end) for text in texts]
    with tempfile.TemporaryDirectory() as name:
        folder = make_project(Path(name, "p"), raw[0], domain, {"data/z.yml": raw[1]})
        before = bytes_of(folder)
        project = TaughtProject(folder)
        for correction in taught:
            old, known = bytes_of(folder), read_training_data(folder / "data").examples
            example = correction.example
            try:
                patch = project.teach(correction, who="me").patch
            except DataError:
                assert bytes_of(folder) == old
                continue
            found = facts(read_training_data(folder / "data").examples)
            others = facts(tuple(e for e in known if e.text != example.text))
            own = found - others
            assert others - found == Counter()
            assert set(own) == {(example.text, example.intent, repr(example.entities))}
            new = bytes_of(folder)
            changed = {change.path: change for change in patch.files}
            for path in new:
                lines = (
                    [line for hunk in changed[path].hunks for line in hunk.after]
                    if (path in changed)
                    else []
                )
                assert (path in changed) == (old.get(path) != new[path])
                assert len(lines) <= 12
        order = [each.id for each in project.taught()]
        chance.shuffle(order)  # type: ignore[attr-defined]
        for number in order:
            project.undo(number, who="me")
        assert bytes_of(folder) == before
