"""Plan an ablation: the points, each a config, and the runs, each a point under a seed.

base ------------------.
KEY=V1, KEY=V2, ... ---+--> points without repetition --x seeds--> runs, whose configs are checked
(--grid: combinations)-'
"""

import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vla_trainer import placement, run, sizes
from vla_trainer.config.schema import Config
from vla_trainer.config.sweep import Axis, meaning_of, parse_axes, split_outer
from vla_trainer.errors import ConfigError, MissingExtraError, TrainerError

OPTION = "--over"
BASE = "base"
"""Name and folder of the recipe with the overrides alone."""
_ROOT = Path("logs") / "ablations"
_OTHERS = {
    "trainer.seed": "--seeds N goes through N seeds, from trainer.seed on",
    "output_dir": "--out DIR says where the runs are",
}
"""Keys that are no factor, and why."""
_LONGEST = 80
"""Characters of a folder's name."""


@dataclass(frozen=True)
class Factor:
    """What one `--over` changes: a key, or several that change together."""

    axes: tuple[Axis, ...]
    """All have as many values."""

    @property
    def keys(self) -> list[str]:
        """Return the keys, as "actor.lr"."""
        return [axis.key for axis in self.axes]

    @property
    def values(self) -> list[dict[str, str]]:
        """Return by key the first value of each, then the second, ..."""
        return [dict(zip(self.keys, texts, strict=True)) for texts in zip(*(a.texts for a in self.axes), strict=True)]


@dataclass(frozen=True)
class Point:
    """A value of some keys; the base has none."""

    name: str
    """As written, "actor.lr=1e-4, env.task=3"; "base"."""
    slug: str
    """Name of its folder; the same for the same meaning, whatever else is compared."""
    texts: dict[str, str]
    """By key, its value as written."""
    also: tuple[str, ...] = ()
    """Other names of the same config."""

    @property
    def overrides(self) -> list[str]:
        """Return what makes its config from the base's."""
        # null first: a map replaces that of the recipe instead of being merged with it
        return [f"{key}={text}" for key, value in self.texts.items() for text in ("null", value)]


@dataclass(frozen=True)
class PlannedRun:
    """A point under a seed."""

    point: Point
    seed: int
    config: Config
    """Without `output_dir`, which is `folder`."""
    folder: Path
    """Absolute; may not exist yet."""
    arguments: list[str]
    """Of `vla-train`, for a new run."""

    @property
    def name(self) -> str:
        """Return what lines for the user call it."""
        return f"{self.point.name}, seed {self.seed}"


@dataclass(frozen=True)
class AblationPlan:
    """What is compared, before anything is made."""

    recipe: str
    """The recipe's name, without folder and ending."""
    overrides: list[str]
    """Of all points."""
    factors: list[Factor]
    grid: bool
    seeds: list[int]
    points: list[Point]
    """The base first."""
    runs: list[PlannedRun]
    """Seed by seed, so that all points can be compared early."""
    folder: Path
    """Of the ablation; may not exist yet."""
    warnings: list[str]
    """What is unusual about sizes."""

    @property
    def config(self) -> Config:
        """Return the base's config under the first seed."""
        return self.runs[0].config

    def values(self, point: Point) -> dict[str, Any]:
        """Return the value of each key in a point's config, in plain types; None where the config has no such key."""
        config = next(planned.config for planned in self.runs if planned.point == point)
        tree = config.model_dump(mode="json")
        return {key: value_at(tree, key) for factor in self.factors for key in factor.keys}


def plan_ablation(
    recipe: str,
    overrides: Sequence[str],
    over: Sequence[str],
    *,
    seeds: int,
    grid: bool = False,
    out: str | None = None,
) -> AblationPlan:
    """Read and check everything that an ablation is given; makes nothing.

    Args:
        recipe: name or path.
        overrides: `key=value` of all points.
        over: `KEY=V1,V2`, any key of the config, or `KEY=V1,V2; KEY2=W1,W2`: V1 with W1, V2 with W2.
        seeds: N; the seeds are trainer.seed, ..., trainer.seed + N - 1.
        grid: all combinations of the values, instead of one change at a time.
        out: folder; None: `logs/ablations/<recipe>_<fingerprint>`, of the base's config and the keys, so that the same
            command, also with more values or seeds, finds what was done.

    Raises:
        ConfigError: an argument, or the config of a point, is wrong; the message names the point.
        TrainerError: what else `vla-train` would refuse before it makes anything.
    """
    overrides = list(overrides)
    if not over:
        raise ConfigError(f"missing {OPTION} KEY=V1,V2; e.g. {OPTION} actor.lr=1e-4,1e-3")
    if seeds < 1:
        raise ConfigError(f"--seeds {seeds}; allowed: 1 or more, and 2 or more for an interval")
    for override in overrides:
        if override.partition("=")[0].strip().lstrip("~") == "output_dir":
            raise ConfigError(f"{override}: {_OTHERS['output_dir']}")
    factors = _parse_factors(over)
    base = run.new_run(recipe, overrides)
    if not base.config.trainer.logger.jsonl.enable:
        raise ConfigError("trainer.logger.jsonl.enable=false: vla-ablate reads metrics.jsonl; leave it on")
    points = _distinct(_points(factors, grid), recipe, overrides, base.config)
    if len(points) == 1:
        raise ConfigError(f"{' '.join(f'{OPTION} {text}' for text in over)}: every value is the base's own already")
    first = base.config.trainer.seed
    numbers = list(range(first, first + seeds))
    folder = (
        Path(out).expanduser() if out is not None else _ROOT / f"{base.recipe}_{_fingerprint(base.config, factors)}"
    )
    warnings = _check(points, recipe, overrides)
    runs = []
    for seed, point in itertools.product(numbers, points):
        place = Path(os.path.abspath(folder)) / point.slug / f"seed_{seed}"
        chosen = [*overrides, *point.overrides, f"trainer.seed={seed}"]
        wandb = base.config.trainer.logger.wandb
        if wandb.enable and wandb.experiment_name is None:
            # else every run would be called by its seed alone
            chosen.append(f"trainer.logger.wandb.experiment_name={json.dumps(f'{point.slug}, seed {seed}')}")
        config = run.new_run(recipe, chosen).config
        # in quotes: the value is read as YAML
        arguments = [recipe, *chosen, f"output_dir={json.dumps(str(place))}"]
        runs.append(PlannedRun(point, seed, config, place, arguments))
    return AblationPlan(base.recipe, overrides, factors, grid, numbers, points, runs, folder, warnings)


def plain(config: Config) -> dict[str, Any]:
    """Return what decides a run, in plain types: all but where it is written."""
    tree: dict[str, Any] = json.loads(json.dumps(config.model_dump(mode="json")))
    del tree["output_dir"]
    return tree


def value_at(tree: Any, key: str) -> Any:
    """Return the value of a dotted key in a tree of plain types; None where there is none."""
    for name in re.split(r"(?<!\\)\.", key):
        tree = tree.get(name.replace("\\", "")) if isinstance(tree, dict) else None
    return tree


def _parse_factors(over: Sequence[str]) -> list[Factor]:
    """Read the arguments of all `--over`.

    Raises:
        ConfigError: as `parse_axes`; keys that change together have different numbers of values; a key is no factor.
    """
    parts = [[part.strip() for part in split_outer(text, ";") if part.strip()] or [text] for text in over]
    axes = iter(parse_axes([part for texts in parts for part in texts], OPTION, "", repeats=True))
    factors = [Factor(tuple(next(axes) for _ in texts)) for texts in parts]
    for factor, text in zip(factors, over, strict=True):
        if len({len(axis.texts) for axis in factor.axes}) > 1:
            counts = ", ".join(f"{axis.key} has {len(axis.texts)}" for axis in factor.axes)
            raise ConfigError(f"{OPTION} {text}: keys that change together need as many values: {counts}")
        for axis in factor.axes:
            if (why := _OTHERS.get(axis.key)) is not None:
                raise ConfigError(f"{OPTION} {axis.key}={','.join(axis.texts)}: {why}")
    return factors


def _points(factors: Sequence[Factor], grid: bool) -> list[Point]:
    if grid:
        combinations = [
            {key: text for texts in chosen for key, text in texts.items()}
            for chosen in itertools.product(*(factor.values for factor in factors))
        ]
    else:
        combinations = [texts for factor in factors for texts in factor.values]
    return [Point(_name(texts), _slug(texts), texts) for texts in combinations]


def _name(texts: dict[str, str]) -> str:
    return ", ".join(f"{key}={text}" for key, text in texts.items())


def _slug(texts: dict[str, str]) -> str:
    """Return a folder's name; without "=", which would make an override of it."""
    meanings = {key: meaning_of(text, key) for key, text in texts.items()}
    written = ",".join(f"{key}_{meaning.strip(chr(34))}" for key, meaning in meanings.items())
    safe = re.sub(r"[^A-Za-z0-9._+,-]+", "-", written).replace("_-", "_").strip("-.")
    if safe == written and len(safe) <= _LONGEST:
        return safe
    digest = hashlib.sha256(json.dumps(meanings, sort_keys=True).encode()).hexdigest()[:6]
    return f"{safe[: _LONGEST - 7].rstrip('-')}-{digest}"


def _distinct(points: Sequence[Point], recipe: str, overrides: list[str], base: Config) -> list[Point]:
    """Return the base and the points, of those with equal configs the first, which knows the names of the others."""
    by_config = {json.dumps(plain(base), sort_keys=True): Point(BASE, BASE, {})}
    for point in points:
        try:
            config = run.new_run(recipe, [*overrides, *point.overrides]).config
        except ConfigError as error:
            raise ConfigError(f"{OPTION} {point.name}: {error}") from error
        key = json.dumps(plain(config), sort_keys=True)
        same = by_config.get(key)
        by_config[key] = point if same is None else replace(same, also=(*same.also, point.name))
    return list(by_config.values())


def _check(points: Sequence[Point], recipe: str, overrides: list[str]) -> list[str]:
    """Check what `vla-train` checks before it makes anything; return what is unusual about sizes."""
    ignore: Callable[[str], None] = lambda line: None  # noqa: E731
    warnings: list[str] = []
    for point in points:
        planned = run.new_run(recipe, [*overrides, *point.overrides])
        try:
            placement.place(planned.config)
            warnings += sizes.check_sizes(planned.config)
            run.check_before(planned, ignore)
        except MissingExtraError:
            raise  # it says what to install, whatever the point
        except TrainerError as error:
            raise type(error)(f"{point.name}: {error}") from error
    return list(dict.fromkeys(warnings))


def _fingerprint(base: Config, factors: Sequence[Factor]) -> str:
    """Return 12 hexadecimal digits of the base's config and the keys."""
    decisive = {"config": plain(base), "keys": sorted(key for factor in factors for key in factor.keys)}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
