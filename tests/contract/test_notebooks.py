"""Every notebook runs from top to bottom, within a minute, and shows what it draws."""

import os
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.mark.notebook
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path) -> None:
    notebook = jupytext.read(path)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env={name: value for name, value in os.environ.items() if name != "MPLBACKEND"})
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.get("execution_count") for cell in code)
    for cell in (cell for cell in code if ".plot" in cell.source):
        assert any("image/png" in one.get("data", {}) for one in cell.outputs), cell.source


def test_notebooks_follow_one_another_and_are_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.stem[:3] for path in NOTEBOOKS] == [f"{number:02d}_" for number in range(1, len(NOTEBOOKS) + 1)]
    places = [readme.index(f"`{path.stem}`") for path in NOTEBOOKS]
    assert places == sorted(places)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_its_title(path: Path) -> None:
    first = jupytext.read(path).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
