"""Check the asset set that assets="auto" means: where it is, and whether its files are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libero_gym.doctor.check_result import CheckResult
from libero_gym.errors import AssetError, LiberoGymError

if TYPE_CHECKING:
    from libero_gym.scene.bundle import BundledScenes


def check_asset_set() -> CheckResult:
    """Check the asset set in use. Generate a missing built-in set; download nothing."""
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
            return CheckResult("assets", "failed", f"official, because {choice.why}", absent("official"))
        # By "auto" for a folder, so that an error says where the folder was named.
        assets = resolve_assets(choice.named if choice.named in SOURCES else "auto")
        inspection = inspect(assets.folder)
    except LiberoGymError as error:
        alternative = "unset " + ASSETS_VARIABLE
        if isinstance(error, AssetError) and ASSETS_VARIABLE not in str(error) and remembered() is not None:
            alternative = "libero-gym assets use --reset"
        return CheckResult("assets", "failed", str(error), f"name another folder, or: {alternative}")
    size = f"{inspection.files} files, {inspection.size / 1e6:.0f} MB"
    if inspection.damages:
        first = inspection.damages[0]
        more = f" (and {len(inspection.damages) - 1} more)" if len(inspection.damages) > 1 else ""
        problem = f"{assets.name} in {assets.folder}: {first.path} {first.reason}{more}"
        return CheckResult("assets", "failed", problem, fix_hint(choice.named))
    method = "checksums" if inspection.by_manifest else "structure of each file"
    summary = f"{assets.name} in {assets.folder}, because {choice.why}; {size}, whole by {method}"
    if assets.name.startswith(BUILTIN_PREFIX):
        return CheckResult("assets", "note", f"{summary}; results on it are not benchmark results")
    return CheckResult("assets", "ok", summary)


def _check_bundle(scenes: BundledScenes) -> CheckResult:
    for task in scenes.tasks:
        try:
            scenes.scene(task)
        except LiberoGymError as error:
            return CheckResult(
                "assets", "failed", str(error), "copy the bundle again, or write it with libero-gym bundle"
            )
    return CheckResult(
        "assets", "ok", f"a bundle of {len(scenes.tasks)} scenes of {scenes.name} in {scenes.folder}, whole"
    )
