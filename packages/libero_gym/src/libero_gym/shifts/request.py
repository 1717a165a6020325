"""The `shift=` argument: which axes are shifted, at which levels, and of which variant.

"camera:2"              level 2, another variant for each initial state
"camera:2:17"           variant 17 for all; `info["shift"]` has this form
"camera:0-3+light:1"    a level from 0 to 3, sampled for each episode, and light at level 1
"random", "random:0-3"  every axis, each at a level from 0 to 5 (to 3) that is sampled for each episode
"position_swap"         a swap, which has one level
"pro:swap"              LIBERO-PRO's own files instead of LIBERO's, see `libero_gym.shifts.pro`
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from libero_gym.checks import is_index
from libero_gym.errors import OptionError, shown, unknown

#: Axes with five levels, of LIBERO-Plus's kind, in the order in which they stand in a variant's id.
AXES = ("camera", "light", "background", "layout", "robot", "language", "noise")
#: Swaps, of LIBERO-PRO's kind, which have one level.
SWAPS = ("object_swap", "position_swap", "instruction_swap", "task_swap")
MAX_LEVEL = 5
MAX_VARIANT = 2**31 - 1
#: Variants of episodes from evaluation's initial states are below it, those of other episodes are not.
TRAINING_VARIANTS = 1000
#: LIBERO-PRO's suites, by the ends of their names.
PRO_KINDS = ("lan", "object", "swap", "task")
#: What cannot be asked for together.
_EXCLUSIVE = (
    ("layout", "position_swap"),
    ("language", "instruction_swap"),
    ("language", "task_swap"),
    ("instruction_swap", "task_swap"),
    ("object_swap", "task_swap"),
)
RANDOM = "random"
PRO = "pro"
#: Keeps what is sampled here apart from all else that is sampled from an episode's seed.
_SALT = 0x5F17

_LEVELS = re.compile(r"([0-9])(?:-([0-9]))?(?::([0-9]{1,10}))?")
_FORM = (
    "None, 'AXIS:LEVEL', 'AXIS:LOW-HIGH', 'AXIS:LEVEL:VARIANT', 'random', 'pro:KIND', several axes joined by +, or a "
    "mapping of axes to levels"
)


@dataclass(frozen=True)
class Levels:
    """What is asked of one axis."""

    low: int
    high: int
    variant: int | None = None
    """None: it follows from the episode."""


@dataclass(frozen=True)
class Variant:
    """One variant of one axis: with the task it is all that decides what is changed."""

    axis: str
    level: int
    """1..5; 1 of a swap."""
    seed: int

    def __str__(self) -> str:
        """Return its id, which a `shift=` argument takes."""
        return f"{self.axis}:{self.level}:{self.seed}"


Variants = tuple[Variant, ...]


def variants_id(variants: Variants) -> str:
    """Return the id of an episode's variants, "camera:2:17+light:1:17"; empty where nothing is shifted."""
    return "+".join(map(str, variants))


@dataclass(frozen=True)
class ProFiles:
    """LIBERO-PRO's files in place of LIBERO's."""

    kind: str
    """One of `PRO_KINDS`."""
    folder: Path | None = None
    """Where they are; None for the installed package."""


@dataclass(frozen=True)
class ShiftRequest:
    """A checked `shift=` argument."""

    text: str
    """The argument as one string, e.g. "camera:0-3+light:1"."""
    axes: tuple[tuple[str, Levels], ...] = ()
    """Axes and swaps, in the order of `AXES` and `SWAPS`."""
    pro: ProFiles | None = None

    def sample(self, task: int, init_state: int, seed: int, *, training: bool) -> Variants:
        """Return the variants of an episode: from these numbers alone.

        Args:
            task: its index in its suite.
            init_state: number of its initial state, -1 for one that was given as numbers.
            seed: of the episode.
            training: whether the state is none of evaluation's.
        """
        sampled = []
        for axis, levels in self.axes:
            # of its own, so that what one axis asks for does not change another
            rng = np.random.default_rng([_SALT, (*AXES, *SWAPS).index(axis), seed, task, init_state + 1])
            level, random_seed = int(rng.integers(levels.low, levels.high + 1)), int(rng.integers(2**20))
            if levels.variant is not None:
                variant = levels.variant
            elif levels.low < levels.high:
                variant = TRAINING_VARIANTS + random_seed
            else:
                variant = max(init_state, 0) + (TRAINING_VARIANTS if training else 0)
            if level:
                sampled.append(Variant(axis, level, variant))
        return tuple(sampled)

    def allows(self, variants: Variants) -> bool:
        """Return whether an episode of these variants could be one of this request."""
        asked, found = dict(self.axes), {variant.axis: variant for variant in variants}
        if set(found) - set(asked):
            return False
        for axis, levels in asked.items():
            level = found[axis].level if axis in found else 0
            if not levels.low <= level <= levels.high:
                return False
            if level and levels.variant not in (None, found[axis].seed):
                return False
        return True


def parse_variants(text: str) -> Variants:
    """Return the variants of an id that `variants_id` gave.

    Raises:
        OptionError: it is none.
    """
    if not text:
        return ()
    request = parse_shift(text, "a variant's id")
    levels = [] if request is None else request.axes
    if not levels or any(part.variant is None or part.low != part.high or not part.low for _, part in levels):
        raise OptionError(f"{shown(text)} is no variant's id; allowed: 'AXIS:LEVEL:VARIANT', several joined by +")
    return tuple(Variant(axis, part.low, part.variant or 0) for axis, part in levels)


def parse_shift(value: object, place: str) -> ShiftRequest | None:
    """Check a `shift=` argument; None for no shift.

    Args:
        value: None, a string, or a mapping of axes to levels: an integer, (low, high), or what stands behind the colon
            of a string. Of LIBERO-PRO's files {"pro": KIND, "folder": PATH}.
        place: the environment's id, for errors.

    Raises:
        OptionError: it is of another form, or names what there is not.
    """
    if value is None:
        return None
    if isinstance(value, ShiftRequest):
        return value
    if isinstance(value, Mapping):
        if PRO in value:
            return _pro(value, place)
        parts = {axis: _levels_text(axis, levels, place) for axis, levels in value.items()}
    elif isinstance(value, str):
        parts = {}
        for part in value.split("+"):
            axis, _, levels = part.partition(":")
            if axis in parts:
                raise OptionError(f"shift {shown(value)} in {place} names {axis!r} twice")
            parts[axis] = levels
        if PRO in parts:
            if len(parts) > 1:
                raise OptionError(f"shift {shown(value)} in {place}: 'pro' stands alone; allowed: 'pro:KIND'")
            return _pro({PRO: parts[PRO]}, place)
    else:
        raise OptionError(f"shift {shown(value)} in {place}; allowed: {_FORM}")
    if not parts:
        raise OptionError(f"shift {shown(value)} in {place} names no axis; allowed: {', '.join((*AXES, *SWAPS))}")
    if RANDOM in parts:
        if len(parts) > 1:
            raise OptionError(f"shift {shown(value)} in {place}: 'random' is every axis; allowed: 'random', alone")
        every = _parse_levels(RANDOM, parts[RANDOM] or f"0-{MAX_LEVEL}", place)
        text = RANDOM if every == Levels(0, MAX_LEVEL) else f"{RANDOM}:{_text(every)}"
        return ShiftRequest(text, tuple((axis, every) for axis in AXES))
    for axis in parts:
        if axis not in (*AXES, *SWAPS):
            raise unknown(OptionError, "axis of a shift", axis, (*AXES, *SWAPS), place, (RANDOM, PRO))
    for first, second in _EXCLUSIVE:
        if first in parts and second in parts:
            raise OptionError(
                f"shift {shown(value)} in {place}: {first} and {second} change the same; allowed: one of them"
            )
    axes = tuple((axis, _parse_levels(axis, parts[axis], place)) for axis in (*AXES, *SWAPS) if axis in parts)
    return ShiftRequest("+".join(f"{axis}:{_text(levels)}" for axis, levels in axes), axes)


def _pro(value: Mapping[object, object], place: str) -> ShiftRequest:
    if unexpected := [key for key in value if key not in (PRO, "folder")]:
        raise unknown(OptionError, "key of a shift", unexpected[0], (PRO, "folder"), place)
    kind, folder = value[PRO], value.get("folder")
    if kind not in PRO_KINDS:
        raise unknown(OptionError, "kind of LIBERO-PRO's files", kind, PRO_KINDS, place)
    if folder is not None and (not isinstance(folder, (str, os.PathLike)) or isinstance(folder, bytes)):
        raise OptionError(f"shift's folder {shown(folder)} in {place}; allowed: a path, or None")
    files = ProFiles(str(kind), None if folder is None else Path(folder).expanduser())
    return ShiftRequest(f"{PRO}:{kind}", pro=files)


def _levels_text(axis: object, levels: object, place: str) -> str:
    """Return a mapping's value as a string has it."""
    if isinstance(levels, str):
        return levels
    if is_index(levels):
        return str(levels)
    if isinstance(levels, (tuple, list)) and len(levels) == 2 and all(map(is_index, levels)):
        return f"{levels[0]}-{levels[1]}"
    raise OptionError(
        f"shift of {shown(axis)} {shown(levels)} in {place}; allowed: a level 0..{MAX_LEVEL}, (low, high), or "
        "'LEVEL:VARIANT'"
    )


def _parse_levels(axis: str, text: str, place: str) -> Levels:
    most = 1 if axis in SWAPS else MAX_LEVEL
    if axis in SWAPS and not text:
        return Levels(1, 1)
    match = _LEVELS.fullmatch(text)
    form = f"allowed: '{axis}:LEVEL', '{axis}:LOW-HIGH' or '{axis}:LEVEL:VARIANT', with levels 0..{most}"
    if match is None:
        raise OptionError(f"shift {axis}:{text} in {place}; {form}")
    low = int(match[1])
    high = low if match[2] is None else int(match[2])
    variant = None if match[3] is None else int(match[3])
    if not low <= high <= most or (variant is not None and (low != high or variant > MAX_VARIANT or axis == RANDOM)):
        raise OptionError(f"shift {axis}:{text} in {place}; {form}, variants 0..{MAX_VARIANT}")
    return Levels(low, high, variant)


def _text(levels: Levels) -> str:
    text = str(levels.low) if levels.low == levels.high else f"{levels.low}-{levels.high}"
    return text if levels.variant is None else f"{text}:{levels.variant}"
