"""Initial states of one's own tasks: nothing overlaps, and an object that cannot be placed is named."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from libero_gym.assets import resolve_assets
from libero_gym.errors import SceneError
from libero_gym.scene.build import _BASE, _join, build_scene
from libero_gym.scene.free_states import Overlaps, sample_free_states
from libero_gym.scene.placement import sample_states
from libero_gym.scene.tables import scene_table
from libero_gym.scene.workspace import read_arena, workspaces
from libero_gym.tasks import load_suite


def scene_of(suite, index):
    task = load_suite(suite).tasks[index]
    scene = build_scene(task.definition, resolve_assets("builtin").folder, None)
    model = scene.spec().compile()
    return scene, model, scene_table(scene, model, task, "any")


def overlapping(scene, model, table, states):
    overlaps, data, found = Overlaps(scene, model, table), mujoco.MjData(model), []
    for state in states:
        data.qpos[:] = state[1 : 1 + model.nq]
        found.append(overlaps.now(data))
    return found


def test_libero_s_sampler_overlaps_now_and_then_and_this_does_not():
    scene, model, table = scene_of("spatial", 0)
    theirs = sample_states(scene, model, table, 20)
    ours = sample_free_states(scene, model, table, 20)
    before = overlapping(scene, model, table, theirs)
    # the rim of a plate reaches beyond its circle
    assert {pair for pairs in before for pair in pairs} == {("akita_black_bowl_1", "plate_1")}
    assert not any(overlapping(scene, model, table, ours))
    for mine, libero, pairs in zip(ours, theirs, before, strict=True):
        # what LIBERO's sampler gives is taken where nothing overlaps
        assert np.array_equal(mine, libero) == (not pairs)


def test_bottles_on_the_floor_are_lifted_out_of_it():
    scene, model, table = scene_of("object", 0)
    (theirs,), (ours,) = (sample(scene, model, table, 1) for sample in (sample_states, sample_free_states))
    (sunk,), (free,) = (overlapping(scene, model, table, [state]) for state in (theirs, ours))
    assert ("salad_dressing_1", "the workspace") in sunk
    assert free == set()
    changed = np.flatnonzero(theirs != ours)
    # only heights: 1 + 9 positions of the robot, then 7 of each object, the third its height
    assert len(changed)
    assert set((changed - 10) % 7) == {2}
    assert (ours[changed] > theirs[changed]).all()


def test_states_are_of_their_seeds_alone_and_the_model_is_left_as_it_is():
    scene, model, table = scene_of("goal", 3)
    poses = model.body_pos.copy()
    few, many = sample_free_states(scene, model, table, 2), sample_free_states(scene, model, table, 4)
    np.testing.assert_array_equal(few, many[:2])
    np.testing.assert_array_equal(model.body_pos, poses)


def test_a_fixture_at_the_end_of_its_range_counts(monkeypatch):
    scene, model, table = scene_of("goal", 3)
    overlaps = Overlaps(scene, model, table)
    ends = list(overlaps._ends())
    assert len(ends) == 4
    cabinet = next(index for index, fixture in enumerate(table.fixtures) if "cabinet" in fixture.name)
    xs = {positions[cabinet][0] for positions, _ in ends}
    fixture = table.fixtures[cabinet]
    assert xs == set(fixture.x_ranges[0])


def test_what_always_overlaps_is_named():
    task = load_suite("spatial").tasks[0]
    places = {atom.arguments[0]: atom.arguments[1] for atom in task.definition.init}
    regions = dict(task.definition.regions)
    regions[places["plate_1"]] = regions[places["akita_black_bowl_1"]]
    definition = replace(task.definition, regions=regions)
    scene = build_scene(definition, resolve_assets("builtin").folder, None)
    model = scene.spec().compile()
    table = scene_table(scene, model, task, "any")
    for item in scene.objects.values():
        object.__setattr__(item, "radius", 0.0)  # circles keep nothing apart
    pattern = r"of 100 samples .* none is free of overlaps \(akita_black_bowl_1 and plate_1 in 100"
    with pytest.raises(SceneError, match=pattern):
        sample_free_states(scene, model, table, 1)


def test_the_surfaces_of_workspaces_are_where_a_ray_meets_them():
    folder = resolve_assets("builtin").folder
    met = 0
    for workspace in workspaces().values():
        if not (folder / workspace.scene).is_file():
            continue  # LIBERO's coffee table is in its own asset set alone
        root = ET.fromstring(_BASE)
        _join(root, read_arena(folder, workspace))
        model = mujoco.MjSpec.from_string(ET.tostring(root, encoding="unicode")).compile()
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        start = np.add(workspace.offset, (0.05, 0.05, 1.0))
        distance = mujoco.mj_ray(model, data, start, np.array([0.0, 0.0, -1.0]), None, 1, -1, np.zeros(1, np.int32))
        assert start[2] - distance == pytest.approx(workspace.surface, abs=1e-5)
        met += 1
    assert met == 5
