"""The moment that observations show: images, proprioception, and all that is ever observed beside them.

LIBERO's `env.step` does not return the state after the control step. robosuite 1.4 (utils/observables.py,
`Observable.update`) samples its observables inside the loop of physics steps, once in 50 ms, when their timers have
passed. `reset` and `set_init_state` each force an update, which moves the timers on by one physics step each, so that
every later sample comes after the 24th of the 25 physics steps: 48 ms into the control step. At that point MuJoCo's
`qpos` is of 48 ms and the poses computed from it, which cameras and the end effector's sensors read, are of 46 ms: a
physics step computes them at its beginning. Success is judged after the control step, on the state of 50 ms and the
poses of 48 ms.

The stove's burner is a third moment: LIBERO switches it between control steps (`_post_process`), so that a sample shows
it as it was when the control step began.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np

#: MuJoCo's poses, in their order in `mjData`: bodies, joints, geometries, sites, cameras and lights.
_POSES = (
    *("xpos", "xquat", "xmat", "xipos", "ximat", "xanchor", "xaxis", "geom_xpos", "geom_xmat"),
    *("site_xpos", "site_xmat", "cam_xpos", "cam_xmat", "light_xpos", "light_xdir"),
)
#: Alignment of the arrays in `mjData`, bytes.
_ALIGNMENT = 64


def observed_step(physics_steps: int, published_steps: int) -> int:
    """Return the number of the physics step, 1 to `physics_steps`, after which observations are sampled.

    It is the one that ends nearest to LIBERO's sample, one of its physics steps before the end of the control step.

    With LIBERO's 25 it is the 24th. With 10 steps of 5 ms it is the last: poses are of 45 ms then, and of 46 ms in
    LIBERO's, where the one before would give 40.

    Args:
        physics_steps: physics steps of a control step here.
        published_steps: physics steps of a control step in LIBERO.
    """
    return round(physics_steps * (published_steps - 1) / published_steps)


def pose_block(data: mujoco.MjData) -> np.ndarray:
    """Return all of MuJoCo's poses as one writable view (n,) float64 of `data`: they lie one after another there."""
    arrays = [getattr(data, name) for name in _POSES]
    begin = arrays[0].ctypes.data
    end = max(array.ctypes.data + array.nbytes for array in arrays)
    padded = sum(-(-array.nbytes // _ALIGNMENT) * _ALIGNMENT for array in arrays)
    assert all(array.ctypes.data >= begin for array in arrays), "mjData's order of poses is another one"
    assert end - begin <= padded, "mjData has other arrays between its poses"
    view: np.ndarray = np.lib.stride_tricks.as_strided(
        arrays[0].reshape(-1), ((end - begin) // arrays[0].itemsize,), (arrays[0].itemsize,)
    )
    return view


class ObservedState:
    """What observations show of one `mjData`: poses, joint positions and velocities, and lit indicators.

    Velocities of bodies, contacts and forces are not part of it.
    """

    def __init__(self, data: mujoco.MjData, indicators: int) -> None:
        """
        Args:
            data: whose arrays are sampled.
            indicators: number of the scene's indicators.
        """
        self._data = data
        #: MuJoCo's own arrays, and the sample of each; `control_step` writes the sample too.
        self.live = (pose_block(data), data.qpos, data.qvel)
        self.sampled = tuple(array.copy() for array in self.live)
        #: Which indicators are lit.
        self.lit = np.zeros(indicators, dtype=bool)

    def sample(self) -> None:
        """Sample the present arrays."""
        for live, sampled in zip(self.live, self.sampled, strict=True):
            sampled[:] = live

    def pose(self, name: str, index: int) -> np.ndarray:
        """Return the sample of one pose, e.g. of `xquat` (4,), as a view that later samples are written to."""
        live, block = getattr(self._data, name)[index], self.live[0]
        begin = (live.ctypes.data - block.ctypes.data) // block.itemsize
        view: np.ndarray = self.sampled[0][begin : begin + live.size]
        return view

    @contextmanager
    def shown(self) -> Iterator[mujoco.MjData]:
        """Put the sampled arrays into the `mjData`, in place of the present ones, which come back afterwards."""
        present = [live.copy() for live in self.live]
        for live, sampled in zip(self.live, self.sampled, strict=True):
            live[:] = sampled
        try:
            yield self._data
        finally:
            for live, array in zip(self.live, present, strict=True):
                live[:] = array

    def copy(self) -> tuple[np.ndarray, ...]:
        """Return all of it, for `restore`; some 40 KB."""
        return (*(array.copy() for array in self.sampled), self.lit.copy())

    def restore(self, copied: tuple[np.ndarray, ...]) -> None:
        """Go back to what `copy` returned."""
        for own, array in zip((*self.sampled, self.lit), copied, strict=True):
            own[:] = array
