"""Keep where a result comes from, as far as the environment says: beside checkpoints and over evaluations."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gymnasium.vector import VectorEnv

PROVENANCE_FILE = "provenance.json"
"""In a checkpoint's folder."""


@dataclass(frozen=True)
class Provenance:
    """What `envs.metadata` says, and what the environments say that it names; all of it may be missing."""

    env_id: str
    assets: str | None
    """`metadata["assets"]`: which set of meshes and textures the images are rendered from."""
    assets_version: str | None
    """`metadata["assets_version"]`."""
    caveats: tuple[str, ...]
    """`metadata["benchmark_caveats"]`: why a result in this environment is not the published benchmark's."""
    renderer: str | None = field(default=None, compare=False)
    """What renders the images, see `renderer_of`; another machine may have another one."""

    @property
    def heading(self) -> str | None:
        """Return what stands over a result that is not a benchmark's; None where nothing speaks against it."""
        return f"not a benchmark result: {'; '.join(self.caveats)}" if self.caveats else None

    @property
    def asset_set(self) -> str | None:
        """Return name and version, e.g. "official (version 0123456789ab)"."""
        if self.assets is None or self.assets_version is None or self.assets_version in self.assets:
            return self.assets
        return f"{self.assets} (version {self.assets_version})"

    def write(self, folder: Path) -> None:
        """Write it into a checkpoint's folder."""
        (folder / PROVENANCE_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def provenance_of(envs: VectorEnv) -> Provenance:
    """Return what the environments say about themselves, see `protocols.EnvMetadata`."""

    def text(key: str) -> str | None:
        value: Any = envs.metadata.get(key)
        return None if value is None else str(value)

    caveats = tuple(str(caveat) for caveat in envs.metadata.get("benchmark_caveats", ()))
    env_id = envs.spec.id if envs.spec is not None else ""
    return Provenance(env_id, text("assets"), text("assets_version"), caveats)


def renderer_of(envs: VectorEnv) -> str | None:
    """Return what renders the images, as the attribute that `metadata["renderer_attribute"]` names says; None where it
    names none. Rendering begins with it: the environments raise here what they would raise at the first reset.
    """
    attribute = envs.metadata.get("renderer_attribute")
    if attribute is None:
        return None
    values: Iterable[Any] = envs.get_attr(attribute)  # type: ignore[attr-defined]
    return joined(None if value is None else str(value) for value in values)


def joined(renderers: Iterable[str | None]) -> str | None:
    """Return the names of what renders in several environments or processes as one text."""
    return " and ".join(sorted({name for name in renderers if name})) or None


def read_provenance(checkpoint: Path) -> Provenance | None:
    """Return what a checkpoint was trained in; None where it does not say."""
    try:
        tree = json.loads((checkpoint / PROVENANCE_FILE).read_text(encoding="utf-8"))
        caveats = tuple(tree["caveats"])
        return Provenance(tree["env_id"], tree["assets"], tree["assets_version"], caveats, tree.get("renderer"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
