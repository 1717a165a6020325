"""Write a task of your own in Python, let the scripted expert solve it, and save it as a BDDL file.

    pip install libero-gym
    python examples/custom_task.py [file.bddl, a temporary one by default]

docs/own_task.md is the tutorial: BDDL files, your own objects, and training a policy on the task.
"""

import sys
import tempfile
from pathlib import Path

import gymnasium
import numpy as np

from libero_gym import Region, TaskSpec
from libero_gym.expert import Expert

spec = TaskSpec(
    problem="LIBERO_Tabletop_Manipulation",
    language="put the black bowl on the plate",
    objects={"akita_black_bowl_1": "akita_black_bowl", "plate_1": "plate", "tomato_sauce_1": "tomato_sauce"},
    regions={
        # x0 y0 x1 y1, metres from the middle of the table
        "main_table_left": Region("main_table", ((-0.14, -0.16, -0.06, -0.08),)),
        "main_table_right": Region("main_table", ((-0.04, 0.11, 0.04, 0.19),)),
        "main_table_front": Region("main_table", ((0.08, -0.15, 0.12, -0.11),)),
    },
    init=[
        ("on", "akita_black_bowl_1", "main_table_left"),
        ("on", "plate_1", "main_table_right"),
        ("on", "tomato_sauce_1", "main_table_front"),
    ],
    goal=[("on", "akita_black_bowl_1", "plate_1")],
)
env = gymnasium.make("libero_gym:libero/Task-v0", task_spec=spec, image_size=64, render_quality="fast")
solved = 0
for seed in range(3):
    observation, info = env.reset(seed=seed)
    for action in Expert(env.unwrapped.world, np.random.default_rng(seed)).actions():
        observation, reward, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            break
    solved += info["success"]
    print(f"state {info['init_state_id']}: {info['elapsed_steps']} steps, success {info['success']}")
print(f'"{observation["instruction"]}": {solved} of 3 solved')
env.close()

file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "mine.bddl"
file.write_text(spec.to_bddl())
env = gymnasium.make("libero_gym:libero/Task-v0", task_file=file)
print(f"written: {file.name}, the same task: {TaskSpec.from_bddl(file).goal == spec.goal}")
env.close()
