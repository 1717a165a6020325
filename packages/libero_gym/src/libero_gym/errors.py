"""Errors that name the value, the place and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

import gymnasium


class LiberoGymError(gymnasium.error.Error):
    """Base of every error that libero_gym raises on purpose."""


class OptionError(LiberoGymError, ValueError):
    """An argument is not among the allowed values."""


class SuiteError(OptionError):
    """An unknown task suite."""


class TaskError(OptionError):
    """An unknown task of a suite."""


class TaskSpecError(TaskError):
    """A task of one's own that is malformed, or that names what there is not."""

    place: tuple[str | int, ...] = ()
    """What of the task it is about, e.g. ("goal", 0): a key of the places of a parsed file."""


class BddlError(TaskSpecError):
    """The same of a BDDL text; the message begins with the file, the line and the column."""

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
    """An unknown split of initial states, or one that has no states."""


class InitStateError(OptionError):
    """An initial state that a split does not have, or that does not fit the scene."""


class SavedStateError(InitStateError):
    """A saved state that is damaged, or of another format, version, asset set, task or physics."""


class AssetError(LiberoGymError, ValueError):
    """An asset folder that is missing, of another layout, or lacks what a task needs."""


class SceneError(LiberoGymError, RuntimeError):
    """A task's scene could not be compiled."""


class ObjectError(SceneError):
    """An object of one's own whose file is missing, is no model, or that MuJoCo does not take."""


class ResetNeededError(LiberoGymError, gymnasium.error.ResetNeeded):
    """A step or a rendering before the first reset, or a step after the episode's end."""


class ClosedError(LiberoGymError, gymnasium.error.ClosedEnvironmentError):
    """A call of an environment that was closed."""


class ForkError(LiberoGymError, RuntimeError):
    """A call, in a forked process, of environments whose workers belong to the process that made them."""


class EnvAttributeError(LiberoGymError, AttributeError):
    """An attribute that environments do not have, that cannot be set, or that cannot leave a worker process."""


class ActionError(LiberoGymError, ValueError):
    """An action of another shape, or with NaN or infinity in it."""


class RenderError(LiberoGymError, RuntimeError):
    """No usable OpenGL library, or an image could not be rendered."""


class RecordingError(LiberoGymError, ValueError):
    """A recorded episode that is damaged, of another format, or of another asset set."""


class DatasetError(LiberoGymError, ValueError):
    """A dataset of demonstrations that is damaged, or of another environment, action size or asset set."""


class DisplayError(LiberoGymError, RuntimeError):
    """A window cannot be opened here."""


class WorkerError(LiberoGymError, RuntimeError):
    """A worker process died again when it was replaced, or failed in a way that cannot be sent to the caller."""


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
