"""`libero-gym play`: drive a task by hand, or see a recorded episode again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from libero_gym.cli.task_options import AssetsOption
from libero_gym.errors import OptionError

if TYPE_CHECKING:
    from libero_gym.recording import Repetition

FileOption = Annotated[
    Path | None,
    typer.Argument(metavar="[EPISODE]", show_default=False, help="A recorded episode to repeat, an .npz file."),
]


def play(
    episode: FileOption = None,
    suite: Annotated[
        str | None, typer.Option("--suite", help="spatial, object, goal, 10, 90 or 130.", show_default=False)
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="INDEX|NAME", help="The task to drive.", show_default=False)
    ] = None,
    init_state: Annotated[int, typer.Option("--init-state", min=0, help="Of the 50 published ones.")] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the fixtures' poses.")] = 0,
    assets: AssetsOption = "auto",
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FILE.npz", help="Save the last try when the window closes."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.mp4", help="Film EPISODE instead of opening a window.")
    ] = None,
    size: Annotated[
        int, typer.Option("--size", min=16, max=1024, help="Height of the film's pictures, pixels; even.")
    ] = 256,
) -> None:
    """Drive a task from the keyboard in a window, or repeat a recorded episode in a window or as a film.

    Keys: arrows move the hand; Page Up, Page Down lift and lower it; Home, End turn it; 6 7 and 8 9 tilt it; Enter
    closes and opens the gripper; N starts again.
    """
    if episode is not None:
        for given, name in ((suite, "--suite"), (task, "--task"), (record, "--record")):
            if given is not None:
                raise OptionError(f"{name} with a recorded episode, which says itself what it is; leave {name} out")
        _repeat(episode, assets, out, size)
        return
    if out is not None:
        raise OptionError("--out without EPISODE; first record one: libero-gym play --suite S --task T --record FILE")
    if suite is None or task is None:
        raise OptionError("what is to be played? Name --suite and --task, or a recorded EPISODE")
    _drive(suite, task, {"seed": seed, "init_state": init_state}, assets, record)


def _drive(suite: str, task: str, start: dict[str, int], assets: str, record: Path | None) -> None:
    from libero_gym.env import LiberoEnv
    from libero_gym.play.keyboard import KEYS, Keyboard
    from libero_gym.play.window import check_display, drive
    from libero_gym.recording import Recorder
    from libero_gym.tasks.suites import load_suite

    chosen = load_suite(suite).select(task)[0]
    if record is not None and record.suffix != ".npz":
        raise OptionError(f"--record {record} ends in {record.suffix!r}; allowed: .npz")
    check_display()
    env = LiberoEnv(chosen.suite, task=chosen.index, assets=assets, cameras=(), max_episode_steps=-1)
    recorder = Recorder(env, split="eval", settle_steps=10)
    typer.echo(f"{chosen.instruction}\n\n{KEYS}\n")
    drive(env, Keyboard(), start, recorder, typer.echo)
    if record is not None and len(recorder):
        recorder.finish().save(record)
        typer.echo(f"written: {record} ({len(recorder)} steps)")


def _repeat(path: Path, assets: str, out: Path | None, size: int) -> None:
    from libero_gym.play.film import check_film, film
    from libero_gym.play.window import check_display, watch
    from libero_gym.recording import Recording, open_env

    recording = Recording.load(path)
    if out is None:
        check_display()
        _report(watch(recording, open_env(recording, assets, cameras=())))
        return
    check_film(out)
    if size % 2:
        raise OptionError(f"--size {size}; allowed: an even number, which films need")
    env = open_env(recording, assets, image_size=size, image_orientation="upright")
    try:
        _report(film(recording, env, out))
    finally:
        env.close()
    typer.echo(f"written: {out}")


def _report(repetition: Repetition) -> None:
    """How exactly it was repeated: another processor may round otherwise, and contacts make much of little."""
    how = "exactly as recorded" if repetition.difference == 0 else f"off by {repetition.difference:.2g} at the end"
    typer.echo(f"{repetition.steps} steps, {'success' if repetition.success else 'no success'}, {how}")
