"""The asset set that assets="auto" means: where it is, and whether every file of it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libero_gym.doctor.finding import Finding
from libero_gym.errors import AssetError, LiberoGymError

if TYPE_CHECKING:
    from libero_gym.scene.bundle import BundledScenes


def check_asset_set() -> Finding:
    """Generates the built-in set if that is what is used; downloads nothing."""
    from libero_gym.assets.default import remembered
    from libero_gym.assets.integrity import inspect
    from libero_gym.assets.location import absent, fix_hint, locate
    from libero_gym.assets.source import ASSETS_VARIABLE, BUILTIN_PREFIX, SOURCES, choose_auto, resolve_assets
    from libero_gym.scene.bundle import BundledScenes

    try:
        choice = choose_auto()
        found = locate(choice.named)
        if found.bundle:
            return _check_bundle(BundledScenes.open(found.folder))
        if choice.named == "official" and not found.there:
            return Finding("assets", "failed", f"official, because {choice.why}", absent("official"))
        # By "auto" for a folder, so that an error says where it was named.
        assets = resolve_assets(choice.named if choice.named in SOURCES else "auto")
        inspection = inspect(assets.folder)
    except LiberoGymError as error:
        other = "unset " + ASSETS_VARIABLE
        if isinstance(error, AssetError) and ASSETS_VARIABLE not in str(error) and remembered() is not None:
            other = "libero-gym assets use --reset"
        return Finding("assets", "failed", str(error), f"name another folder, or: {other}")
    size = f"{inspection.files} files, {inspection.size / 1e6:.0f} MB"
    if inspection.damages:
        first = inspection.damages[0]
        more = f" (and {len(inspection.damages) - 1} more)" if len(inspection.damages) > 1 else ""
        said = f"{assets.name} in {assets.folder}: {first.path} {first.reason}{more}"
        return Finding("assets", "failed", said, fix_hint(choice.named))
    how = "checksums" if inspection.by_manifest else "structure of each file"
    said = f"{assets.name} in {assets.folder}, because {choice.why}; {size}, whole by {how}"
    if assets.name.startswith(BUILTIN_PREFIX):
        return Finding("assets", "note", f"{said}; results on it are not benchmark results")
    return Finding("assets", "ok", said)


def _check_bundle(scenes: BundledScenes) -> Finding:
    for task in scenes.tasks:
        try:
            scenes.scene(task)
        except LiberoGymError as error:
            return Finding("assets", "failed", str(error), "copy the bundle again, or write it with libero-gym bundle")
    return Finding("assets", "ok", f"a bundle of {len(scenes.tasks)} scenes of {scenes.name} in {scenes.folder}, whole")
