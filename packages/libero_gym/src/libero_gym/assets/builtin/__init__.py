"""The built-in asset set: scenes made by formula, so that nothing needs to be downloaded.

`generate` writes a folder laid out as LIBERO's own `assets/`. Bodies, joints, sites, masses and frames are LIBERO's, so
its classes build the scene and published initial states load unchanged; shapes, meshes and textures are our own. Tasks
look and behave nearly, not exactly, as on the official set: results on the two are not comparable.

    data/*.toml         measured sizes and labels: all numbers of the real objects
      |
    schema.py           checked reading into frozen dataclasses
      |
    catalog.py          all objects, fixtures and arenas by name
      |
      +-> vessel.py  carton.py  composite.py (mug.py  book.py)  boards.py  cabinet.py  microwave.py  stove.py  arena.py
              |         shapes.py (boxes, inertia)  mesh.py (triangles)  mjcf.py (elements)
              +<- textures.py  labels.py                images by formula
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["VERSION", "generate"]

#: Names the bytes that `generate` writes; it rises whenever one of them changes.
VERSION = "2"


def generate(directory: Path) -> None:
    """Write the whole set; for one VERSION (and one Pillow, which packs the images) always the same bytes.

    Args:
        directory: the folder that becomes LIBERO's `assets/`; it is created if need be, files of the same names are
            replaced.

    Raises:
        AssetDataError: a data file is damaged.
        OSError: the folder cannot be written.
    """
    # What only writing needs: every process asks this module for its VERSION.
    from libero_gym.assets.builtin.arena import write_arena
    from libero_gym.assets.builtin.boards import write_boards
    from libero_gym.assets.builtin.cabinet import write_cabinet
    from libero_gym.assets.builtin.carton import write_carton
    from libero_gym.assets.builtin.catalog import load_catalog
    from libero_gym.assets.builtin.composite import write_composite
    from libero_gym.assets.builtin.microwave import write_microwave
    from libero_gym.assets.builtin.stove import write_stove
    from libero_gym.assets.builtin.textures import SCENE_TEXTURES, to_image
    from libero_gym.assets.builtin.vessel import write_vessel

    directory = Path(directory)
    catalog = load_catalog()
    for name, vessel in catalog.vessels.items():
        write_vessel(directory / vessel.folder / name, name, vessel)
    for name, carton in catalog.cartons.items():
        write_carton(directory / carton.folder / name, name, carton)
    for name, composite in catalog.composites.items():
        write_composite(directory / composite.folder / name, name, composite)
    for name, boards in catalog.boards.items():
        write_boards(directory / boards.folder / name, name, boards)

    articulated = directory / "articulated_objects"
    for name, cabinet in catalog.cabinets.items():
        write_cabinet(articulated, name, cabinet)
    for name, stove in catalog.stoves.items():
        write_stove(articulated, name, stove)
    for name, microwave in catalog.microwaves.items():
        write_microwave(articulated, name, microwave)

    for path, arena in catalog.scenes.items():
        write_arena(directory / path, arena)
    folder = directory / "textures"
    folder.mkdir(parents=True, exist_ok=True)
    for file, texture in SCENE_TEXTURES.items():
        to_image(texture()).save(folder / file)
