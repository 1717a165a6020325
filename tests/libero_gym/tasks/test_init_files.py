"""LIBERO's files of initial states, against torch's own reader, and files that somebody has forged."""

import pickle
import random
import zipfile

import numpy as np
import pytest
import torch

from libero_gym.errors import LiberoGymError
from libero_gym.scene.libero_import import libero_folder
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_files import read_states


@pytest.mark.parametrize("suite", ["libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90"])
def test_states_equal_those_that_torch_reads(suite):
    task = load_suite(suite).tasks[1]
    path = libero_folder() / "init_files" / suite / f"{task.name}.pruned_init"
    expected = torch.load(path, weights_only=False)
    np.testing.assert_array_equal(read_states(path), expected)
    assert read_states(path).shape[0] == 50


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return exec, ("raise SystemExit",)

    path = tmp_path / "harmful.init"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Harmful()))
    with pytest.raises(LiberoGymError, match=r"builtins\.exec has no place"):
        read_states(path)


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "short.init"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(LiberoGymError, match=r"short\.init is not a file of initial states"):
        read_states(path)


class Reduced:
    """Pickles as whatever it is given, in the place of what NumPy's arrays and types give."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


def write(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content if isinstance(content, bytes) else pickle.dumps(content, 2))
    return path


def array(dtype, shape=(2, 1), content=b"0123456789abcdef", fortran=False):
    reconstruct = np.empty(0).__reduce__()[0]
    return Reduced(reconstruct, (np.ndarray, (0,), b"b"), (1, shape, dtype, fortran, content))


FLOAT64 = np.dtype("<f8")
FORGED = {
    "pointers": array(np.dtype("O")),
    "pointers called float64": array(Reduced(np.dtype, ("f8", False, True), (3, "|", None, None, None, -1, -1, 63))),
    "elements of 1 GB": array(Reduced(np.dtype, ("V8", False, True), (3, "|", None, None, None, 1 << 30, 1, 0))),
    "fields": array(Reduced(np.dtype, ("V8", 0, 1), (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 27))),
    "float32": array(np.dtype("<f4"), shape=(2, 2)),
    "big-endian": array(np.dtype(">f8")),
    "more rows than bytes": array(FLOAT64, shape=(1 << 62, 1)),
    "negative shape": array(FLOAT64, shape=(-2, -1)),
    "one axis": array(FLOAT64, shape=(2,)),
    "text for bytes": array(FLOAT64, content="0123456789abcdef"),
    "no contents": Reduced(np.empty(0).__reduce__()[0], (np.ndarray, (0,), b"b")),
    "a list": [1.0, 2.0],
    "NaN": np.array([[1.0, np.nan]]),
    "a state for a function": b"\x80\x02cnumpy\ndtype\n}(X\x01\x00\x00\x00aK\x01ub.",
    "a huge memo": b"\x80\x02K\x01r\xff\xff\xff\x7f.",
    "nothing": b"",
    "other bytes": b"\xff" * 50,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_array_is_refused(name, tmp_path):
    path = write(tmp_path / "forged.init", FORGED[name])
    with pytest.raises(LiberoGymError, match=r"forged\.init is not a file of initial states: .{4,200}$"):
        read_states(path)


def test_arrays_of_both_orders_and_protocols_are_read(tmp_path):
    states = np.arange(6.0).reshape(2, 3)
    for number, stored in enumerate((states, np.asfortranarray(states))):
        for protocol in (2, 4):
            path = write(tmp_path / f"{number}-{protocol}.init", pickle.dumps(stored, protocol))
            read = read_states(path)
            np.testing.assert_array_equal(read, states)
            assert read.flags.c_contiguous


def test_a_file_with_any_byte_changed_is_read_or_refused_by_name(tmp_path):
    """No change of one byte of LIBERO's own file ends in another exception, or in an array of another type."""
    task = load_suite("libero_spatial").tasks[0]
    with zipfile.ZipFile(libero_folder() / "init_files" / task.suite / f"{task.name}.pruned_init") as archive:
        original = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    draw = random.Random(0)
    # the pickle's own instructions stand at both ends, the numbers between them
    places = [*range(200), *(draw.randrange(len(original)) for _ in range(100)), *range(-60, 0)]
    for place in places:
        changed = bytearray(original)
        changed[place] ^= 1 << draw.randrange(8)
        try:
            states = read_states(write(tmp_path / "changed.init", bytes(changed)))
        except LiberoGymError:
            continue
        assert states.dtype == np.float64
        assert states.ndim == 2
