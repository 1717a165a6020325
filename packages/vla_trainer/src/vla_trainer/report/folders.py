"""Read the folders that a report is about: runs, evaluations, ablations and sweeps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vla_trainer import checkpoint, run
from vla_trainer.ablation.result import PLOT_FILE as ABLATION_PLOT
from vla_trainer.ablation.result import RESULT_FILE as ABLATION_FILE
from vla_trainer.ablation.result import AblationResult
from vla_trainer.ablation.runs import Row, read_rows
from vla_trainer.config.load import parse_config
from vla_trainer.config.reader import read_yaml
from vla_trainer.config.schema import Config
from vla_trainer.config.secrets import refuse_secrets
from vla_trainer.config.text import read_text
from vla_trainer.errors import ReportError
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.evaluation.sweep.result import SWEEP_FILE, SweepResult
from vla_trainer.provenance import Provenance, read_provenance
from vla_trainer.run_folder import CONFIG_FILE, EVALUATION_FILE, METRICS_FILE


@dataclass(frozen=True)
class RunData:
    """What a run, or an evaluation without training, left in its folder."""

    label: str
    """Short, and no other run's of the report."""
    folder: Path
    recipe: str | None
    tree: dict[str, Any]
    """The config in plain types; empty where there is none."""
    config: Config | None
    """The same, checked; None where it cannot be checked here."""
    rows: list[Row]
    """Of metrics.jsonl."""
    evaluation: Evaluation | None
    provenance: Provenance | None
    """Of the newest checkpoint."""
    notes: list[str] = field(default_factory=list)
    """What is missing, or could not be read here."""

    def value(self, *keys: str) -> Any:
        """Return the config's value at a path of keys; None where there is none."""
        tree: Any = self.tree
        for key in keys:
            tree = tree.get(key) if isinstance(tree, dict) else None
        return tree

    @property
    def heading(self) -> str | None:
        """Return why its results are not a benchmark's, as far as that is known."""
        if self.evaluation is not None:
            return self.evaluation.heading
        return None if self.provenance is None else self.provenance.heading

    @property
    def notices(self) -> list[str]:
        """Return what has to be said with its results, without repetition."""
        found = [] if self.evaluation is None else list(self.evaluation.notices)
        found += [] if self.config is None else self.config.notices()
        if self.provenance is not None and self.provenance.caveats:
            found.append(f"in training: {'; '.join(self.provenance.caveats)}")
        return list(dict.fromkeys(found))


@dataclass(frozen=True)
class AblationData:
    """What `vla-ablate` left in its folder."""

    label: str
    result: AblationResult
    plot: bytes | None
    """A PNG."""


@dataclass(frozen=True)
class SweepData:
    """What `vla-eval --sweep` left in its folder."""

    label: str
    result: SweepResult


@dataclass(frozen=True)
class Contents:
    """Everything that a report is about."""

    runs: list[RunData]
    ablations: list[AblationData]
    sweeps: list[SweepData]


def read_folders(folders: Sequence[Path]) -> Contents:
    """Read folders, each of a run, an evaluation, an ablation or a sweep, or of several of these.

    Raises:
        ReportError: a folder is none of them, or is given twice.
        DamagedRunError, ComparisonError, ConfigError: one of their files is damaged; the message names it.
    """
    resolved = [folder.expanduser().resolve() for folder in folders]
    contents = Contents([], [], [])
    for folder, path, label in zip(folders, resolved, _labels(resolved), strict=True):
        if not path.is_dir():
            raise ReportError(f"{folder} is no folder; allowed: a run's, an ablation's or a sweep's")
        if resolved.count(path) > 1:
            raise ReportError(f"{folder} is given twice")
        found = False
        if (path / CONFIG_FILE).is_file() or (path / EVALUATION_FILE).is_file():
            contents.runs.append(_read_run(path, label))
            found = True
        if (path / ABLATION_FILE).is_file():
            plot = path / ABLATION_PLOT
            image = plot.read_bytes() if plot.is_file() else None
            contents.ablations.append(AblationData(label, AblationResult.read(path / ABLATION_FILE), image))
            found = True
        if (path / SWEEP_FILE).is_file():
            contents.sweeps.append(SweepData(label, SweepResult.read(path / SWEEP_FILE)))
            found = True
        if not found:
            files = ", ".join((CONFIG_FILE, EVALUATION_FILE, ABLATION_FILE, SWEEP_FILE))
            raise ReportError(f"{folder} is no run, ablation or sweep: it has none of {files}")
    return contents


def _read_run(folder: Path, label: str) -> RunData:
    notes: list[str] = []
    recipe, tree, config = None, {}, None
    file = folder / CONFIG_FILE
    if file.is_file():
        text = read_text(file)
        recipe = run.recipe_in(text) or folder.name
        read = read_yaml(text, str(file)).value
        tree = read if isinstance(read, dict) else {}
        refuse_secrets(tree, str(file))
        try:
            config = parse_config(text, source=str(file))
        except Exception as error:  # also whatever an environment raises where it is imported
            notes.append(f"The config cannot be checked here: {' '.join(str(error).split())}")
    else:
        notes.append(f"No {CONFIG_FILE}: an evaluation without training.")
    rows = read_rows(folder / METRICS_FILE, strict=True)
    if tree and not rows:
        notes.append(f"No iteration in {METRICS_FILE}.")
    evaluation = Evaluation.read(folder / EVALUATION_FILE) if (folder / EVALUATION_FILE).is_file() else None
    if evaluation is None:
        notes.append(f"No {EVALUATION_FILE}: the run was not evaluated.")
    checkpoints = checkpoint.found(folder / checkpoint.FOLDER)
    provenance = read_provenance(checkpoints[-1]) if checkpoints else None
    return RunData(label, folder, recipe, tree, config, rows, evaluation, provenance, notes)


def _labels(folders: Sequence[Path]) -> list[str]:
    """Return for each folder as much of the end of its path as no other one has."""
    depths = [1] * len(folders)
    while True:
        labels = [
            "/".join(part.strip("/") for part in folder.parts[-depth:])
            for folder, depth in zip(folders, depths, strict=True)
        ]
        longer = [
            min(depth + (labels.count(label) > 1), max(len(folder.parts), 1))
            for depth, label, folder in zip(depths, labels, folders, strict=True)
        ]
        if longer == depths:
            return labels
        depths = longer
