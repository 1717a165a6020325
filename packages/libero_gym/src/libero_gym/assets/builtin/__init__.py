"""The built-in asset set: scenes made by formula, so that nothing needs to be downloaded.

`generate` writes a folder laid out as LIBERO's own `assets/`. Bodies, joints, sites, masses and frames are LIBERO's, so
its classes build the scene and published initial states load unchanged; shapes, meshes and textures are our own. Tasks
look and touch nearly, not exactly, as on the official set: results on the two are not comparable.

    sizes/              measured sizes and labels, the only place with numbers of real objects
      |
      +-> lathe.py  carton.py  thing.py  cabinet.py  stove.py  scene.py     one family each: MJCF and meshes
              |         shapes.py (boxes, inertia)  mesh.py (triangles)  mjcf.py (elements)
              +<- textures.py  labels.py                          pictures by formula
"""

from __future__ import annotations

from pathlib import Path

from libero_gym.assets.builtin import textures
from libero_gym.assets.builtin.cabinet import write_cabinet
from libero_gym.assets.builtin.carton import write_carton
from libero_gym.assets.builtin.lathe import write_vessel
from libero_gym.assets.builtin.scene import write_tabletop
from libero_gym.assets.builtin.sizes import cabinets, groceries, rooms, stoves, tableware, vessels
from libero_gym.assets.builtin.stove import write_stove
from libero_gym.assets.builtin.thing import write_thing

__all__ = ["FIXTURES", "OBJECTS", "SCENES", "SUITES", "VERSION", "generate"]

#: Names the bytes that `generate` writes; it rises whenever one of them changes.
VERSION = "2"

#: LIBERO's categories of movable objects that the set covers, as BDDL files name them.
OBJECTS = (
    "akita_black_bowl",
    "glazed_rim_porcelain_ramekin",
    "plate",
    "white_bowl",
    *groceries.CARTONS,
    *groceries.THINGS,
    *tableware.THINGS,
)

#: LIBERO's categories of fixtures that the set covers ("table" is part of a scene).
FIXTURES = ("flat_stove", "table", "wooden_cabinet")

#: Suites of which every task can be built.
SUITES = ("libero_spatial",)

#: Scene files that the set covers, relative to the folder.
SCENES = ("scenes/libero_tabletop_base_style.xml",)


def generate(directory: Path) -> None:
    """Writes the whole set; for one VERSION (and one Pillow, which packs the pictures) always the same bytes.

    Args:
        directory: the folder that becomes LIBERO's `assets/`; it is made if need be, files of the same names are
            replaced.

    Raises:
        OSError: the folder cannot be written.
    """
    directory = Path(directory)
    scanned = directory / "stable_scanned_objects"
    articulated = directory / "articulated_objects"
    for name, vessel, glaze in (
        ("akita_black_bowl", vessels.AKITA_BLACK_BOWL, textures.black_glaze()),
        ("glazed_rim_porcelain_ramekin", vessels.GLAZED_RIM_PORCELAIN_RAMEKIN, textures.ramekin_glaze()),
        ("plate", vessels.PLATE, textures.plate_glaze()),
        ("white_bowl", vessels.WHITE_BOWL, textures.white_porcelain()),
    ):
        write_vessel(scanned / name, name, vessel, textures.picture(glaze))
    for name, (carton, label) in groceries.CARTONS.items():
        write_carton(directory / "stable_hope_objects" / name, name, carton, label.draw())
    for name, thing in (groceries.THINGS | tableware.THINGS).items():
        write_thing(directory / thing.folder / name, name, thing)

    steel, iron = textures.picture(textures.steel()), textures.picture(textures.cast_iron())
    wood = textures.picture(textures.cabinet_wood())
    write_cabinet(articulated, "wooden_cabinet", cabinets.WOODEN_CABINET, wood, steel)
    write_stove(articulated, "flat_stove", stoves.FLAT_STOVE, steel, iron)

    floor, wall = "light-gray-floor-tile.png", "light-gray-plaster.png"
    write_tabletop(directory / SCENES[0], rooms.TABLETOP_ROOM, floor, wall, textures.TABLE_WOOD)
    _write_textures(directory / "textures")
    # Part of LIBERO's layout; none of the covered tasks opens anything in it.
    (directory / "turbosquid_objects").mkdir(parents=True, exist_ok=True)


def _write_textures(folder: Path) -> None:
    """Every floor and wall that LIBERO's styles name, and the table's wood."""
    folder.mkdir(parents=True, exist_ok=True)
    for style in (*textures.FLOORS, *textures.WALLS):
        textures.picture(style.draw(*style.arguments)).save(folder / style.file)
    textures.picture(textures.table_wood()).save(folder / textures.TABLE_WOOD)
