"""Names of what segmentations show."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from libero_gym.render.segmentation_names import segmentation_names
from libero_gym.scene.source import scene_source
from libero_gym.tasks import load_suite

#: A room of each kind: kitchen, floor, living room, study.
TASKS = ["libero_goal:0", "libero_object:0", "libero_10:0", "libero_90:75"]


@pytest.mark.parametrize("name", TASKS)
def test_every_geom_of_an_object_has_its_name(name):
    suite, index = name.split(":")
    scene = scene_source("builtin").scene(load_suite(suite).tasks[int(index)])
    model = scene.load_model()
    names = segmentation_names(model, scene.table)
    assert names.pop(-1) == "background"
    instances = {}
    for geom, text in names.items():
        instance, own = text.split("/")
        assert own == (model.geom(geom).name or f"geom{geom}")
        assert model.geom_group[geom] == 1
        instances.setdefault(instance, []).append(own)
    objects = {entity.name for entity in scene.table.entities if entity.kind in ("object", "fixture")}
    # Every geom of an object or a fixture is named after it, and no other geom is.
    for instance, geoms in instances.items():
        assert all(geom.startswith(f"{instance}_") for geom in geoms) == (
            instance in objects or instance in ("robot0", "gripper0", "mount0", "table")
        ), instance
    assert objects <= set(instances)
    assert {"robot0", "gripper0"} < set(instances)


def test_names_are_those_of_the_current_task():
    env = gymnasium.make(
        "libero_gym:libero/130-v0", task=[1, 21], assets="builtin", image_size=32, segmentation=True, settle_steps=0
    )
    for task, expected in ((1, "akita_black_bowl_2"), (21, "wine_bottle_1")):
        observation, _ = env.reset(seed=0, options={"task": task})
        names = env.unwrapped.segmentation_names()
        seen = {names[geom].split("/")[0] for geom in np.unique(observation["image_segmentation"]).tolist()}
        assert expected in seen
        assert {"table", "robot0", "plate_1"} <= seen
    env.close()
