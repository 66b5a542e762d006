"""What `benchmarks/matrix.py` compares with: a model of the starter assistant, and its answers."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.installations import Broken, run

# The frozen network adds in another order than PyTorch does.
_TOLERANCE = 1e-4
_TEXTS = (
    "hello",
    "two tickets from Westhaven to the capital on Friday please",
    "I left my umbrella on the 17:30 train from Silverfen",
    "??",
    "is there a train to Ottersea tomorrow at half past nine",
    "  spaces   and CAPITALS to Lowmarsh ",
    "bye",
)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Questions, and the answers of the environment that trained.

    Attributes:
        project: the folder of the assistant.
        texts: lines for `gossamer parse`.
        conversation: lines for `gossamer shell`.
        answers: what was answered, by file name, in a folder of its own.
    """

    project: Path
    texts: str
    conversation: str
    answers: Path

    @property
    def parse_arguments(self) -> tuple[str, ...]:
        """Of the command that parses all texts."""
        return ("parse", "--model", str(self.project / "models"))

    @property
    def shell_arguments(self) -> tuple[str, ...]:
        """Of the command that holds the conversation."""
        return ("shell", "--model", str(self.project / "models"), "--echo", "--random-seed", "1")

    @property
    def test_arguments(self) -> tuple[str, ...]:
        """Of the command that tests; --out is left to the caller."""
        tests = self.project / "tests"
        model = ("--model", str(self.project / "models"))
        return ("test", *model, "--nlu", str(tests / "nlu_test.yml"), "--stories", str(tests))

    def compare_parses(self, printed: str) -> None:
        """Compare with what was parsed.

        Raises:
            Broken: they differ.
        """
        expected = (self.answers / "parses.jsonl").read_text("utf-8")
        _same([*map(json.loads, expected.splitlines())], [*map(json.loads, printed.splitlines())])

    def compare_shell(self, printed: str) -> None:
        """Compare with what was said.

        Raises:
            Broken: they differ.
        """
        expected = (self.answers / "conversation.txt").read_text("utf-8")
        _same(expected.splitlines(), printed.splitlines())

    def compare_reports(self, folder: Path) -> None:
        """Compare the reports in a folder with those of the tests here.

        Raises:
            Broken: they differ.
        """
        for path in sorted((self.answers / "results").glob("*_report.json")):
            if "confidence" in path.name:  # thresholds jump where confidences are close
                continue
            other = folder / path.name
            if not other.exists():
                raise Broken(f"{path.name} was not written")
            _same(json.loads(path.read_bytes()), json.loads(other.read_bytes()), path.name)


def make_reference(folder: Path, environment: dict[str, str]) -> Reference:
    """Train the starter assistant and write down its answers, or take those that are there.

    Args:
        folder: for the assistant and the answers.
        environment: variables of the processes, which find the sources by them.
    """
    project, answers = folder / "assistant", folder / "answers"
    command = [sys.executable, "-m", "gossamer.cli"]
    folder.mkdir(parents=True, exist_ok=True)

    def ask(*arguments: str, stdin: str | None = None) -> str:
        whole = [*command, *arguments]
        return run(whole, cwd=folder, stdin=stdin, environment=environment).stdout

    if not (project / "models" / "starter.gossamer").exists():
        ask("init", str(project), "--no-prompt")
        run(
            [*command, "train", "--random-seed", "1", "--fixed-model-name", "starter"],
            cwd=project,
            environment=environment,
        )
    reference = Reference(
        project=project,
        texts="\n".join(_TEXTS) + "\n",
        conversation=(project / "tests" / "conversation.txt").read_text("utf-8"),
        answers=answers,
    )
    if not (answers / "results" / "report.txt").exists():
        answers.mkdir(exist_ok=True)
        parses = ask(*reference.parse_arguments, stdin=reference.texts)
        (answers / "parses.jsonl").write_text(parses, "utf-8")
        said = ask(*reference.shell_arguments, stdin=reference.conversation)
        (answers / "conversation.txt").write_text(said, "utf-8")
        ask(*reference.test_arguments, "--out", str(answers / "results"), "--no-plot")
    return reference


def _same(expected: Any, given: Any, where: str = "") -> None:
    """Refuse what differs; numbers may by a little."""
    if isinstance(expected, dict) and isinstance(given, dict):
        if expected.keys() != given.keys():
            raise Broken(f"{where}: keys {sorted(given)}, not {sorted(expected)}")
        for key, value in expected.items():
            _same(value, given[key], f"{where}/{key}")
    elif isinstance(expected, list) and isinstance(given, list):
        if len(expected) != len(given):
            raise Broken(f"{where}: {len(given)} entries, not {len(expected)}")
        for index, (one, other) in enumerate(zip(expected, given, strict=True)):
            _same(one, other, f"{where}/{index}")
    elif isinstance(expected, float) and isinstance(given, int | float):
        if not math.isclose(expected, given, rel_tol=0, abs_tol=_TOLERANCE):
            raise Broken(f"{where}: {given}, not {expected}")
    elif expected != given:
        raise Broken(f"{where}: {given!r}, not {expected!r}")
