"""Keep where a result comes from, as far as the environment says: beside checkpoints and over evaluations."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gymnasium.vector import VectorEnv

PROVENANCE_FILE = "provenance.json"
"""In a checkpoint's folder."""


@dataclass(frozen=True)
class Provenance:
    """What `envs.metadata` says; every key may be missing."""

    env_id: str
    assets: str | None
    """`metadata["assets"]`: which set of meshes and textures the images are rendered from."""
    assets_version: str | None
    """`metadata["assets_version"]`."""
    caveats: tuple[str, ...]
    """`metadata["benchmark_caveats"]`: why a result in this environment is not the published benchmark's."""

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


def read_provenance(checkpoint: Path) -> Provenance | None:
    """Return what a checkpoint was trained in; None where it does not say."""
    try:
        tree = json.loads((checkpoint / PROVENANCE_FILE).read_text(encoding="utf-8"))
        return Provenance(tree["env_id"], tree["assets"], tree["assets_version"], tuple(tree["caveats"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
