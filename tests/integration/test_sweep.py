"""`vla-eval --sweep` with the real environment and the real policy: arguments of LIBERO's scenes that change images."""

from __future__ import annotations

import json

import pytest

from libero_gym.assets.builtin import VERSION

SHORT = ["env.num_envs=2", "env.image_size=32", "env.max_episode_steps=16", "eval.episodes=3", "trainer.threads=1"]
SHORT += ["env.assets=builtin", "video_cfg.save_video=false"]


@pytest.mark.slow
def test_a_sweep_over_how_scenes_are_rendered_and_simulated(tmp_path, quick_command):
    sweeps = ["--sweep", "env.render_quality=fast,reference", "--sweep", "env.physics_quality=null,fast"]
    done = quick_command("vla-eval", "tiny_spatial_ppo", *sweeps, *SHORT, "output_dir=out")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out/sweep.json").read_text())
    assert [point["name"] for point in found["points"]] == [
        f"render_quality={render}, physics_quality={physics}"
        for render in ("fast", "reference")
        for physics in ("null", "fast")
    ]
    assert found["heading"].startswith(f"not a benchmark result: the built-in asset set 'builtin-{VERSION}'")
    assert "a subset, 3 of 50 initial states" in found["heading"]
    for point in found["points"]:
        evaluation = point["evaluation"]
        assert (evaluation["assets"], evaluation["split"]) == (f"builtin-{VERSION}", "eval")
        assert [state["init_state_id"] for state in evaluation["states"]] == [0, 1, 2]
        assert {state["env_steps"] for state in evaluation["states"]} == {16}
    # the environment names no variant: an initial state is a row
    assert len(found["rows"]) == 12
    assert found["rows"][1]["variant"] == "state 1"
    # what a point measures is what an evaluation under its config does: returns are staged rewards, to the last bit
    overrides = ["env.render_quality=reference", "env.physics_quality=fast", *SHORT, "output_dir=alone"]
    done = quick_command("vla-eval", "tiny_spatial_ppo", *overrides)
    assert done.returncode == 0, done.stderr
    alone = json.loads((tmp_path / "alone/eval.json").read_text())
    assert found["points"][3]["evaluation"] == alone
    returns = [[state["return"] for state in point["evaluation"]["states"]] for point in found["points"]]
    assert len({tuple(of_point) for of_point in returns}) >= 2


def test_values_that_the_environment_refuses_are_one_line(tmp_path, quick_command):
    for sweep, message in (
        ("env.task=0,77", "EnvError: 77: unknown task 77"),
        ("env.render_quality=fast,best", 'ConfigError: --sweep: env.render_quality="best"; did you mean "fast"?'),
        ("env.action_chunk=8,4", "EnvError: 4: libero/Spatial-v0: its action space is Box("),
        (
            "env.depth=false,true",
            "EnvError: true: libero/Spatial-v0: its observations have the keys image, image_depth, instruction, state, "
            "wrist_image, wrist_image_depth; the policy is made for the keys image, instruction, state, wrist_image",
        ),
    ):
        done = quick_command("vla-eval", "tiny_spatial_ppo", "--sweep", sweep, *SHORT, "output_dir=out")
        assert done.returncode == 2
        assert message in done.stderr
        assert not (tmp_path / "out").exists()
