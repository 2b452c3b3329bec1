"""`pip install .` gives a tallymark that works outside the checkout: templates, weights and migrations are inside."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the project was installed from its wheel."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, *offline, "--target", str(target), str(ROOT)], check=True, capture_output=True)
    return target


def run(installed: Path, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed tallymark in another folder, the checkout out of reach."""
    code = (
        f"import sys; sys.path[:] = [{str(installed)!r}] + [p for p in sys.path if p and p != {str(ROOT)!r}]\n"
        "import flows.cli; assert flows.cli.__file__.startswith(sys.path[0]), flows.cli.__file__\n"
        f"sys.exit(flows.cli.run({list(arguments)!r}))"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=place, check=False)


def test_templates_are_inside(installed: Path, tmp_path: Path) -> None:
    listed = run(installed, tmp_path, "template", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert "cover_marks" in listed.stdout


def test_an_exam_can_be_made_and_its_database_opened(installed: Path, tmp_path: Path) -> None:
    made = run(installed, tmp_path, "init", "exam", "--template", "booklet")
    assert made.returncode == 0, made.stderr
    listed = run(installed, tmp_path, "readings", "exam", "--json")
    assert listed.returncode == 0, listed.stderr


def test_weights_are_inside_and_fit_their_card(installed: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path[:] = [{str(installed)!r}] + [p for p in sys.path if p and p != {str(ROOT)!r}]\n"
        "import numpy as np, recognizer.classifier as c; assert c.__file__.startswith(sys.path[0])\n"
        "print(c.load_model().probabilities(np.zeros((2, 28, 28, 2), np.float32)).shape)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.strip() == "(2, 14)"


def test_the_version_is_the_projects(installed: Path, tmp_path: Path) -> None:
    shown = run(installed, tmp_path, "--version")
    assert shown.returncode == 0, shown.stderr
    assert (ROOT / "pyproject.toml").read_text(encoding="utf-8").split('version = "')[1].split('"')[0] in shown.stdout
