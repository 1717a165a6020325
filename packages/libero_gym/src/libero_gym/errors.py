"""Errors that name the value, the place and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

import gymnasium


class LiberoGymError(gymnasium.error.Error):
    """Base of every error that libero_gym raises on purpose.

    Way out: catch it to catch all of the package's errors; each message names the value and what is allowed.
    """


class OptionError(LiberoGymError, ValueError):
    """An argument is not among the allowed values.

    Way out: take one of the values that the message lists.
    """


class SuiteError(OptionError):
    """An unknown task suite.

    Way out: take spatial, object, goal, 10, 90 or 130.
    """


class TaskError(OptionError):
    """An unknown task of a suite.

    Way out: `libero-gym tasks --suite SUITE` lists indices and names.
    """


class TaskSpecError(TaskError):
    """A task of one's own that is malformed, or that names what there is not.

    Way out: change what the message names; `libero-gym tasks check FILE` checks the rest.
    """

    place: tuple[str | int, ...] = ()
    """What of the task it is about, e.g. ("goal", 0): a key of the places of a parsed file."""


class BddlError(TaskSpecError):
    """The same of a BDDL text; the message begins with the file, the line and the column.

    Way out: go to the file, line and column at the message's beginning; docs/own_task.md has the format.
    """

    file: str = ""
    line: int = 0
    """From 1."""
    column: int = 0
    """From 1, in characters."""

    @classmethod
    def at(cls, file: str, line: int, column: int, message: str) -> BddlError:
        """Make one that says where it is."""
        error = cls(f"{file}:{line}:{column}: {message}")
        error.file, error.line, error.column = file, line, column
        return error


class SplitError(OptionError):
    """An unknown split of initial states, or one that has no states.

    Way out: take "eval", "train" or "all", as the message lists them.
    """


class InitStateError(OptionError):
    """An initial state that a split does not have, or that does not fit the scene.

    Way out: `libero-gym tasks show SUITE INDEX` says how many states a task has.
    """


class SavedStateError(InitStateError):
    """A saved state that is damaged, or of another format, version, asset set, task or physics.

    Way out: go on with the versions, assets and physics that the message names, or begin a new episode.
    """


class AssetError(LiberoGymError, ValueError):
    """An asset folder that is missing, of another layout, or lacks what a task needs.

    Way out: `libero-gym assets status` says which set is in use and what it lacks; `assets="builtin"` needs no
    files.
    """


class SceneError(LiberoGymError, RuntimeError):
    """A task's scene could not be compiled.

    Way out: `libero-gym doctor` checks the installation; for a task of your own, move or remove what the message
    names.
    """


class ObjectError(SceneError):
    """An object of one's own whose file is missing, is no model, or that MuJoCo does not take.

    Way out: correct the object's file; docs/own_task.md lists what a model may have.
    """


class ResetNeededError(LiberoGymError, gymnasium.error.ResetNeeded):
    """A step or a rendering before the first reset, or a step after the episode's end.

    Way out: call `reset()` first.
    """


class ClosedError(LiberoGymError, gymnasium.error.ClosedEnvironmentError):
    """A call of an environment that was closed.

    Way out: make a new environment.
    """


class ForkError(LiberoGymError, RuntimeError):
    """A call, in a forked process, of environments whose workers belong to the process that made them.

    Way out: make the environments in the process that steps them.
    """


class EnvAttributeError(LiberoGymError, AttributeError):
    """An attribute that environments do not have, that cannot be set, or that cannot leave a worker process.

    Way out: take an attribute of `LiberoEnv`; only what can be pickled leaves a worker process.
    """


class ActionError(LiberoGymError, ValueError):
    """An action of another shape, or with NaN or infinity in it.

    Way out: give actions of the action space's shape, all finite; a policy that gives NaN has diverged.
    """


class RenderError(LiberoGymError, RuntimeError):
    """No usable OpenGL library, or an image could not be rendered.

    Way out: `libero-gym doctor` prints what to install; on Debian libegl1, libgl1-mesa-dri and libosmesa6.
    """


class RecordingError(LiberoGymError, ValueError):
    """A recorded episode that is damaged, of another format, or of another asset set.

    Way out: record the episode again, or take the asset set and version that the message names.
    """


class DatasetError(LiberoGymError, ValueError):
    """A dataset of demonstrations that is damaged, or of another environment, action size or asset set.

    Way out: record again, or choose the environment and assets that the message names.
    """


class DisplayError(LiberoGymError, RuntimeError):
    """A window cannot be opened here.

    Way out: run it where a screen is, or under `xvfb-run`; `libero-gym snapshot` needs none.
    """


class WorkerError(LiberoGymError, RuntimeError):
    """A worker process died again when it was replaced, or failed in a way that cannot be sent to the caller.

    Way out: read the worker's own message above it; memory that ran out is the usual cause: fewer environments.
    """


def shown(value: object) -> str:
    """Return a value for a message: its `repr` in one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


Kind = TypeVar("Kind", bound=LiberoGymError)


def unknown(
    error: type[Kind],
    what: str,
    value: object,
    allowed: Iterable[object],
    where: str | None = None,
    aliases: Iterable[str] = (),
) -> Kind:
    """Make an `error` for `value`, one line long: what it is, where it was given, what is allowed and what comes close.

    Args:
        error: the class to make an instance of.
        what: the option's name, e.g. "split".
        value: what was given.
        allowed: the values that are allowed, listed in this order.
        where: the place, e.g. "libero/Spatial-v0".
        aliases: other spellings that are allowed, not listed but suggested.
    """
    names = [str(item) for item in allowed]
    close = get_close_matches(str(value), [*names, *aliases], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    place = f" in {where}" if where else ""
    return error(f"unknown {what} {shown(value)}{place}{hint}; allowed: {', '.join(names)}")
