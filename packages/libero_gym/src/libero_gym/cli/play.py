"""`libero-gym play`: drive a task from the keyboard, or replay a recorded episode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from libero_gym.cli.help import examples
from libero_gym.cli.task_options import assets_option, init_state_option, suite_option, task_file_option
from libero_gym.errors import OptionError
from libero_gym.tasks.own import OWN_SUITE
from libero_gym.tasks.suites import load_suite

if TYPE_CHECKING:
    from libero_gym.recording import Repetition


@click.command(
    short_help="Drive a task from the keyboard, or replay a recorded episode.",
    epilog=examples(
        "libero-gym play --suite spatial --task 0 --record episode.npz",
        "libero-gym play --task-file mine.bddl",
        "libero-gym play episode.npz",
        "libero-gym play episode.npz --out episode.mp4",
    ),
)
@click.argument(
    "episode",
    metavar="[EPISODE]",
    type=click.Path(path_type=Path),
    required=False,
    help="Recorded episode to replay, an .npz file.",
)
@suite_option
@click.option("--task", metavar="INDEX|NAME", help="Task to drive.")
@task_file_option
@init_state_option
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the fixtures' poses.")
@assets_option
@click.option(
    "--record",
    metavar="FILE.npz",
    type=click.Path(path_type=Path),
    help="Save the last attempt when the window closes.",
)
@click.option(
    "--out",
    metavar="FILE.mp4",
    type=click.Path(path_type=Path),
    help="Write a video of EPISODE instead of opening a window.",
)
@click.option("--size", type=click.IntRange(16, 1024), default=256, help="Height of the video, pixels; even.")
def play(
    episode: Path | None,
    suite: str | None,
    task: str | None,
    task_file: Path | None,
    init_state: int,
    seed: int,
    assets: str,
    record: Path | None,
    out: Path | None,
    size: int,
) -> None:
    """Drive a task from the keyboard in a window, or replay a recorded episode in a window or as a video.

    Keys: arrows move the hand; Page Up, Page Down lift and lower it; Home, End turn it; 6 7 and 8 9 tilt it;
    Enter closes and opens the gripper; N restarts the episode.
    """
    if episode is not None:
        for value, name in ((suite, "--suite"), (task, "--task"), (task_file, "--task-file"), (record, "--record")):
            if value is not None:
                raise OptionError(f"{name} with a recorded episode, which has its own task; leave {name} out")
        _replay(episode, assets, out, size)
        return
    if out is not None:
        raise OptionError("--out without EPISODE; first record one: libero-gym play --suite S --task T --record FILE")
    if task_file is not None:
        if suite is not None or task is not None:
            raise OptionError(f"--task-file {task_file} with --suite or --task; name one task")
        which: dict[str, Any] = {"suite": OWN_SUITE, "task_file": task_file}
    elif suite is None or task is None:
        raise OptionError("name a task to drive with --suite and --task, or with --task-file, or a recorded EPISODE")
    else:
        chosen = load_suite(suite).select(task)[0]
        which = {"suite": chosen.suite, "task": chosen.index}
    _drive(which, assets, record, seed=seed, init_state=init_state)


def _drive(which: dict[str, Any], assets: str, record: Path | None, *, seed: int, init_state: int) -> None:
    from libero_gym.env import LiberoEnv
    from libero_gym.play.keyboard import KEYS, Keyboard
    from libero_gym.play.window import check_display, drive
    from libero_gym.recording import Recorder

    if record is not None and record.suffix != ".npz":
        raise OptionError(f"--record {record} ends in {record.suffix!r}; allowed: .npz")
    check_display()
    env = LiberoEnv(**which, assets=assets, cameras=(), max_episode_steps=-1)
    recorder = Recorder(env, split="eval", settle_steps=10)
    (task,) = env.scenes.select(env.scenes.suite(env.suite), which.get("task"))
    click.echo(f"{task.instruction}\n\n{KEYS}\n")
    drive(env, Keyboard(), recorder, click.echo, seed=seed, init_state=init_state)
    if record is not None and len(recorder):
        recorder.finish().save(record)
        click.echo(f"written: {record} ({len(recorder)} steps)")


def _replay(path: Path, assets: str, out: Path | None, size: int) -> None:
    from libero_gym.play.video import check_video, write_video
    from libero_gym.play.window import check_display, watch
    from libero_gym.recording import Recording, open_env

    recording = Recording.load(path)
    if out is None:
        check_display()
        _report(watch(recording, open_env(recording, assets, cameras=())))
        return
    check_video(out)
    if size % 2:
        raise OptionError(f"--size {size}; allowed: an even number, which videos need")
    env = open_env(recording, assets, image_size=size, image_orientation="upright")
    try:
        _report(write_video(recording, env, out))
    finally:
        env.close()
    click.echo(f"written: {out}")


def _report(repetition: Repetition) -> None:
    """Print how exactly it repeated: another processor may round differently, and contacts amplify the difference."""
    how = "exactly as recorded" if repetition.difference == 0 else f"off by {repetition.difference:.2g} at the end"
    click.echo(f"{repetition.steps} steps, {'success' if repetition.success else 'no success'}, {how}")
