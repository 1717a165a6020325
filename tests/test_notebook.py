"""The notebook runs from its first cell to its last, with less training."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "first_training.ipynb"
SHORT = "TASK, SFT_STEPS, RL_ITERATIONS, EPISODES, STATES = 3, 4, 1, 16, 2"


def text_of(cell: nbformat.NotebookNode) -> str:
    """What a cell printed, with its errors."""
    return "".join(output.get("text", "") + "\n".join(output.get("traceback", ())) for output in cell.outputs)


def test_it_is_committed_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs] == []
    (install,) = [cell for cell in notebook.cells if "install" in cell.metadata.get("tags", ())]
    assert "pip" in install.source


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_runs_from_the_first_cell_to_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBERO_GYM_ASSETS", "builtin")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "install" not in cell.metadata.get("tags", ())]
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    parameters.source = SHORT
    NotebookClient(notebook, timeout=500, resources={"metadata": {"path": tmp_path}}).execute()
    printed = "\n".join(text_of(cell) for cell in notebook.cells if cell.cell_type == "code")
    assert "state (8,) action Box(-1.0, 1.0, (7,), float32)" in printed
    assert "of 2 published states" in printed
    assert "success after" in printed or "failure after" in printed
    # commands behind "!" that fail stop nothing
    assert "written: report.html" in printed
    (video,) = [cell for cell in notebook.cells if "Video(" in cell.source]
    assert "video/mp4;base64" in video.outputs[0].data["text/html"]
