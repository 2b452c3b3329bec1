"""The house rules that a machine can hold: each outside library has one door, and imports go one way."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

STORE_PARTS = (
    "acceptances",
    "batches",
    "chain",
    "fields",
    "pages",
    "remarks",
    "together",
    "trail",
    "transactions",
    "users",
)

DOORS: dict[str, tuple[str, ...]] = {
    "pypdfium2": ("recognizer/pdf_scan.py", "recognizer/only_picture.py", "recognizer/pdfium_lock.py"),
    "pypdfium2_raw": ("recognizer/pdf_scan.py", "recognizer/only_picture.py"),
    "pdf2image": ("recognizer/pdf_scan.py",),
    "pikepdf": ("recognizer/pdf_pages.py", "recognizer/pdf_work.py"),
    "pi_heif": ("recognizer/picture_file.py",),
    "fpdf": ("recognizer/printing.py",),
    "ai_edge_litert": ("recognizer/classifier.py",),
    "tensorflow": ("recognizer/training/",),
    "keras": ("recognizer/training/",),
    "prefect": ("flows/grade.py",),
    "sqlalchemy": ("flows/store.py", *(f"flows/store_{of}.py" for of in STORE_PARTS), "flows/migrations/"),
    "alembic": ("flows/store.py", "flows/migrations/"),
    "openpyxl": ("flows/export/", "flows/table_workbook.py"),
    "cv2": ("recognizer/",),
    "click": ("flows/cli.py", "flows/commands/"),
    "matplotlib": ("recognizer/plots.py",),
    "scipy": ("flows/match_weights.py",),
    "stdnum": ("flows/check_digits.py",),
    "mlxtend": (),
    "fastapi": ("flows/review/",),
    "starlette": ("flows/review/",),
    "jinja2": ("flows/review/",),
    "uvicorn": ("flows/review/",),
}
"""Library -> the files or folders that may import it."""


def modules() -> Iterator[Path]:
    for package in ("recognizer", "flows"):
        yield from sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, as dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_there_are_modules_to_check() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in modules()}
    assert {"recognizer/raster.py", "flows/store.py", "flows/grade.py"} <= names


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_has_one_door(library: str) -> None:
    guilty = [
        name
        for path in modules()
        if any(module.split(".")[0] == library for module in imports(path))
        and not (name := path.relative_to(ROOT).as_posix()).startswith(DOORS[library] or ("nowhere",))
    ]
    assert guilty == []


def test_the_library_does_not_know_the_application() -> None:
    guilty = [
        path.name
        for path in (ROOT / "recognizer").rglob("*.py")
        if any(module.split(".")[0] == "flows" for module in imports(path))
    ]
    assert guilty == []


def test_only_commands_know_the_review() -> None:
    """The web application stands on all else in `flows/`; nothing else stands on it."""
    guilty = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "flows").rglob("*.py")
        if path.parent.name not in ("review", "commands")
        and any(module.startswith("flows.review.") for module in imports(path))
    ]
    assert guilty == []


def test_training_is_imported_by_nobody_else() -> None:
    """But by the command that learns, and there only when it runs."""
    guilty = [
        path.name
        for path in modules()
        if "training" not in path.parts and any(module.startswith("recognizer.training") for module in imports(path))
    ]
    assert guilty == ["learn.py"]
    code = "import sys, flows.commands.learn; print([name for name in sys.modules if 'training' in name])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed.strip() == "[]"


def test_the_command_line_starts_without_heavy_libraries() -> None:
    code = (
        "import sys, flows.cli; heavy = {'cv2', 'matplotlib', 'numpy', 'prefect', 'pandas', 'sqlalchemy', "
        "'fastapi', 'starlette', 'uvicorn', 'jinja2'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed.strip() == "[]"


def test_no_module_is_too_long_to_read() -> None:
    long = {
        path.name: lines for path in modules() if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert long == {}
