"""Case 07: what used to be found after all epochs is found before the first, all at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

Case = Callable[[str], Path]


def test_all_faults_in_one_run(starter: Path, case: Case, gossamer: Callable[..., str]) -> None:
    shutil.copy(case("07-late/config.yml"), starter / "config.yml")
    with (starter / "data" / "rules.yml").open("a", encoding="utf-8") as file:
        file.write("- rule: rude\n  steps:\n  - intent: greet\n  - action: utter_goodbye\n")
    (starter / "models").write_text("a file where the folder should be")
    for command, has_place in ((("train",), True), (("data", "validate"), False)):
        said = gossamer(*command, exit_code=1)
        assert "(got 'NoSuchPolicy')" in said
        assert "TEDPolicy has no option 'no_such_option'" in said
        assert "'utter_goodbye' in rule 'rude'" in said
        assert ("Not a directory" in said) == has_place
        assert "Training on" not in said
