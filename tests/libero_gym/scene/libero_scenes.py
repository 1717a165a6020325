"""What LIBERO's own classes make of tasks; a process of its own: LIBERO keeps global state and prints.

Arguments: a folder of assets, a folder for what is written, `tree` or `model`, and tasks as SUITE:INDEX. `tree` writes
a task's XML before it is compiled. `model` writes the model after a reset with seed 0, and the states after resets
with seeds 0 to 2.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mujoco
import numpy as np

from libero_gym.scene.libero_import import import_libero, make_libero_env
from libero_gym.tasks.suites import load_suite


class Built(Exception):
    """Raised where LIBERO has built the tree and would compile it."""


def main() -> None:
    assets, out, what, *names = sys.argv[1:]
    import_libero(Path(assets))
    from robosuite.environments.base import MujocoEnv

    trees = {}

    def keep(env, xml_string=None):
        trees[len(trees)] = env.model.get_xml()
        raise Built

    if what == "tree":
        MujocoEnv._initialize_sim = keep
    for number, name in enumerate(names):
        suite, index = name.split(":")
        task = load_suite(suite).tasks[int(index)]
        if what == "tree":
            try:
                make_libero_env(task)
            except Built:
                Path(out, f"{number}.xml").write_text(trees[number])
            continue
        env = make_libero_env(task, hard_reset=True)
        states = []
        for seed in range(3):
            np.random.seed(seed)  # noqa: NPY002  # LIBERO samples from the global generator
            env.object_property_initializers.clear()  # each reset appends them again, and draws that much more
            env.reset()
            states.append(env.sim.get_state().flatten())
            if seed == 0:
                mujoco.mj_saveModel(env.sim.model._model, str(Path(out, f"{number}.mjb")))
        np.save(Path(out, f"{number}.npy"), states)
        env.close()


if __name__ == "__main__":
    main()
