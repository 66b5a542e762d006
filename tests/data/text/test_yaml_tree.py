from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gossamer.data import ConfigError, DataError
from gossamer.data.text.yaml_tree import YamlMapping, YamlScalar, parse_yaml_tree

PATH = Path("a.yml")


def plain(text: str) -> Any:
    tree = parse_yaml_tree(text, PATH)
    return None if tree is None else tree.to_python()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("~", None),
        ("null", None),
        ("", None),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0x1F", -31),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("-1.5", -1.5),
        (".inf", float("inf")),
        ("-.inf", float("-inf")),
        ("12:30", "12:30"),
        ("1:30:20", "1:30:20"),
        ("2021-01-01", "2021-01-01"),
        ("=", "="),
        ("'404'", "404"),
        ('"a\\u00e9\\n"', "aé\n"),
        ("!!str 5", "5"),
        ("[1, {b: 2}]", [1, {"b": 2}]),
    ],
)
def test_scalars_of_yaml_1_2(written: str, value: object) -> None:
    result = plain(f"a: {written}")["a"]
    assert result == value
    assert type(result) is type(value)


def test_a_directive_for_1_1_changes_nothing() -> None:
    assert plain("# first\n%YAML 1.1\n---\na: yes\nb: 017") == {"a": "yes", "b": 17}


def test_nothing() -> None:
    assert parse_yaml_tree("# only a remark\n", PATH) is None


def test_scalars_keep_their_text_and_line() -> None:
    tree = parse_yaml_tree("a: 1\nb:\n  - 0x10\n", PATH)
    assert isinstance(tree, YamlMapping)
    node = tree.entries["a"]
    assert isinstance(node, YamlScalar)
    assert (node.text, node.value, node.where.line) == ("1", 1, 1)
    assert tree.entries["b"].where.line == 3


def test_anchors_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3\nd:\n  <<: [{x: 7}, *b]\n"
    assert plain(text) == {"base": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}, "d": {"x": 7, "y": 2}}
    assert plain("a: &x 1\nb: &x 2\nc: *x") == {"a": 1, "b": 2, "c": 2}


def test_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOSSAMER_TEST_HOST", "example.org")
    text = (
        "a: http://${GOSSAMER_TEST_HOST}/x\n"
        "b: '${GOSSAMER_TEST_HOST}'\n"
        "c: |\n  ${GOSSAMER_TEST_HOST}\n"
        "d: $GOSSAMER_TEST_HOST"
    )
    assert plain(text) == {
        "a": "http://example.org/x",
        "b": "${GOSSAMER_TEST_HOST}",
        "c": "${GOSSAMER_TEST_HOST}\n",
        "d": "$GOSSAMER_TEST_HOST",
    }


def test_escapes_are_decoded_in_files_of_pure_ascii() -> None:
    escaped = "a: caf\\u00e9\nb: 'caf\\u00e9'\nc: |\n  caf\\u00e9\n"
    assert plain(escaped) == {"a": "café", "b": "café", "c": "café\n"}
    assert plain(escaped + "d: é")["a"] == "caf\\u00e9"
    assert plain("a: \\U0001F600")["a"] == "\U0001f600"
    assert plain("a: \\ud83d\\ude00")["a"] == "\U0001f600"
    # An escaped backslash begins no escape; control characters would break the file.
    assert plain("a: \\\\u00e9")["a"] == "\\\\u00e9"
    assert plain("a: \\u000a")["a"] == "\\u000a"
    assert plain('a: "\\\\u00e9"')["a"] == "\\u00e9"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: [1\nc: 2", 3, "well-formed"),
        ("a: 1\n\tb: 2", 2, "well-formed"),
        ("a: b: c", 1, "mapping values are not allowed"),
        ("a: 1\nb: x\x07", 2, "control characters"),
        ("a: 1\n---\nb: 2\n", 2, "single document"),
        ("a: *x", 1, "undefined alias"),
        ("a: 1\nb: 2\na: 3\n", 3, "once in a mapping (got 'a'). Try: it is in line 1"),
        ("a: 1\nb: !mine 2", 2, "tag must be one of the core schema"),
        ("a: !!set {x}", 1, "tag must be one of the core schema"),
        ("a: !!int x", 1, "must fit its type"),
        ("a: !!bool x", 1, "must fit its type"),
        ("a:\n- &x [*x]", 2, "must not contain itself"),
        ("a: 1\n? [b]\n: 2", 2, "key must be a text or a number"),
        ("a:\n  <<: 3", 2, "'<<' must be given a mapping"),
        ("a: ${GOSSAMER_NO_SUCH_VARIABLE}", 1, "environment variable"),
        ("a: \\ud83d", 1, "must mean a character"),
        ("%YAML 3.0\n---\na: 1", 1, "well-formed"),
    ],
)
def test_errors_name_the_line(text: str, line: int, said: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_yaml_tree(text, PATH)
    assert str(caught.value).startswith(f"a.yml:{line}: ")
    assert said in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "[" * 101 + "]" * 101,
        "[" * 2000,
        "".join(f"{' ' * level}a:\n" for level in range(1000)),
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 200)),
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"^a\.yml(:\d+)?: .* more than 100 levels deep"):
        plain(text)
    plain("[" * 99 + "]" * 99)


BOMB = "l0: &l0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 60)
)
MERGES = "m0: &m0 {k: v}\n" + "".join(
    f"m{i}: &m{i}\n  <<: [*m{i - 1}, *m{i - 1}]\n  a{i}: *m{i - 1}\n" for i in range(1, 60)
)


@pytest.mark.parametrize("text", [BOMB, MERGES])
def test_aliases_that_stand_for_too_much_are_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"^a\.yml:\d+: .* at most 5,000,000 nodes, aliases"):
        plain(text)


def test_how_many_nodes_there_may_be_is_set_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "a: &a [1, 2, 3]\nb: [*a, *a]"
    monkeypatch.setenv("GOSSAMER_MAX_YAML_NODES", "16")
    assert plain(text) == {"a": [1, 2, 3], "b": [[1, 2, 3], [1, 2, 3]]}
    monkeypatch.setenv("GOSSAMER_MAX_YAML_NODES", "15")
    with pytest.raises(DataError, match=r"^a\.yml:1: .* at most 15 nodes.* \(got 16\)"):
        plain(text)
    monkeypatch.setenv("GOSSAMER_MAX_YAML_NODES", "many")
    with pytest.raises(ConfigError, match="GOSSAMER_MAX_YAML_NODES must be a whole number"):
        plain(text)


@pytest.mark.parametrize("anchor", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}"])
def test_an_anchor_within_itself_is_refused(anchor: str) -> None:
    with pytest.raises(DataError, match=r"^a\.yml:1: an anchor must not contain itself"):
        plain(anchor)


@pytest.mark.parametrize("number", ["9" * 301, "9" * 10_000, "0x" + "f" * 100_000])
def test_integers_have_300_digits_at_most(number: str) -> None:
    with pytest.raises(DataError, match=r"^a\.yml:1: a YAML scalar must fit its type"):
        plain(f"a: {number}")
    assert plain(f"a: {'9' * 300}") == {"a": int("9" * 300)}


def test_half_a_surrogate_pair_is_refused() -> None:
    assert plain('"\\ud83d\\ude00"') == "\U0001f600"
    with pytest.raises(DataError, match=r"^a\.yml:1: a text must not hold half a surrogate pair"):
        plain('a: "x \\ud83d"')


def test_the_kind_of_error_can_be_chosen() -> None:
    with pytest.raises(ConfigError):
        parse_yaml_tree("a: [", PATH, error=ConfigError)
