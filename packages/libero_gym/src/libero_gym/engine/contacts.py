"""Contacts that are as stiff with a longer physics step as with LIBERO's: `physics_quality="fast"`.

"soft" leaves them as MuJoCo has them at the longer step; benchmarks/HISTORY.md has how a policy learns with either.
"""

import math

import mujoco


def keep_stiffness(model: mujoco.MjModel, published: float) -> None:
    """Change the damping ratio of contacts that the model's time step would make softer than `published` does.

    MuJoCo raises the time constant of a contact to two time steps (`mjDSBL_REFSAFE`), and LIBERO's objects and fingers
    ask for less: 1 ms. With that constant T = 2h and damping ratio z, stiffness is 1 / (T z)^2 and damping 2 / T
    (MuJoCo's documentation, "Modeling", "Solver parameters"), so that a time step h leaves 1 - 1 / (4 z^2) of a
    penetration that a load keeps up: 3/4 where z is 1. A time step of `ratio` as many seconds leaves as much a second
    where 1 - 1 / (4 z^2) is (3/4)^ratio. That is exact between two such geoms; one that meets a softer one has the mean
    of both.

    Args:
        model: with the time step that it will have, at least `published`; geoms' `solref` is changed.
        published: the time step that the model was made for, seconds.
    """
    constant, damping = model.geom_solref.T
    clamped = (constant > 0) & (constant <= 2 * published) & (damping == 1)
    ratio = model.opt.timestep / published
    model.geom_solref[clamped, 1] = 0.5 / math.sqrt(1.0 - 0.75**ratio)
