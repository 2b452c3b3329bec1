"""A `kill -9` at any moment, then grading again, gives what grading in one go gives."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_kill_at_any_step_changes_nothing_in_the_end(tmp_path: Path) -> None:
    driver = [sys.executable, "-m", "tests.helpers.crash_driver", str(tmp_path)]
    printed = subprocess.run(driver, cwd=ROOT, capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    found = json.loads(printed.stdout)
    assert found["wrong"] == []
    assert found["steps"] > 30
    assert found["folders"]["inbox"] == []
    assert found["folders"]["quarantine"] == ["c.pdf", "c.pdf.reason.txt"]
    assert len(found["folders"]["archive"]) == 3
    # The fourth candidate's second page is lost: the first three are whole, all from the fourth on is held.
    stack = [outcome for file, _, outcome, _ in found["pages"] if file == "e.pdf"]
    assert stack == ["read"] * 6 + ["held"] * 3


def test_a_kill_at_any_step_of_a_decision_leaves_it_whole_or_undone(tmp_path: Path) -> None:
    driver = [sys.executable, "-m", "tests.helpers.desk_crash_driver", str(tmp_path)]
    printed = subprocess.run(driver, cwd=ROOT, capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    found = json.loads(printed.stdout)
    assert found["wrong"] == []
    assert found["steps"].keys() == {"replace_all", "place_failed", "regrade"}
    assert min(found["steps"].values()) >= 6
