"""The built-in asset set: scenes made by formula, so that nothing needs to be downloaded.

`generate` writes a folder laid out as LIBERO's own `assets/`. Bodies, joints, sites, masses and frames are LIBERO's, so
its classes build the scene and published initial states load unchanged; shapes, meshes and textures are our own. Tasks
look and touch nearly, not exactly, as on the official set: results on the two are not comparable.

    sizes/              measured sizes and labels, the only place with numbers of real objects
      |
      +-> lathe.py  carton.py  thing.py  boards.py  cabinet.py  microwave.py  stove.py  scene.py     a family each
              |         shapes.py (boxes, inertia)  mesh.py (triangles)  mjcf.py (elements)
              +<- textures.py  labels.py                          pictures by formula
"""

from __future__ import annotations

from pathlib import Path

from libero_gym.assets.builtin import textures
from libero_gym.assets.builtin.boards import write_boards
from libero_gym.assets.builtin.cabinet import write_cabinet
from libero_gym.assets.builtin.carton import write_carton
from libero_gym.assets.builtin.lathe import write_vessel
from libero_gym.assets.builtin.microwave import write_microwave
from libero_gym.assets.builtin.scene import write_room
from libero_gym.assets.builtin.sizes import (
    cabinets,
    containers,
    groceries,
    microwaves,
    rooms,
    stoves,
    tableware,
    vessels,
)
from libero_gym.assets.builtin.stove import write_stove
from libero_gym.assets.builtin.thing import write_thing

__all__ = ["FIXTURES", "OBJECTS", "SCENES", "VERSION", "generate"]

#: Names the bytes that `generate` writes; it rises whenever one of them changes.
VERSION = "2"

_THINGS = {**groceries.THINGS, **tableware.THINGS, "basket": containers.BASKET}

#: LIBERO's categories of movable objects that the five suites name.
OBJECTS = (
    "akita_black_bowl",
    "glazed_rim_porcelain_ramekin",
    "plate",
    "white_bowl",
    *groceries.CARTONS,
    *_THINGS,
    "wooden_tray",
)

#: LIBERO's categories of fixtures, beside the tables and the floor, which are parts of scenes.
FIXTURES = (
    "desk_caddy",
    "flat_stove",
    "microwave",
    "white_cabinet",
    "wine_rack",
    "wooden_cabinet",
    "wooden_two_layer_shelf",
)

#: Scene files, relative to the folder.
SCENES = tuple(f"scenes/libero_{name}_base_style.xml" for name in rooms.SCENES)


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
    for name, vessel, glaze in (
        ("akita_black_bowl", vessels.AKITA_BLACK_BOWL, textures.black_glaze()),
        ("glazed_rim_porcelain_ramekin", vessels.GLAZED_RIM_PORCELAIN_RAMEKIN, textures.ramekin_glaze()),
        ("plate", vessels.PLATE, textures.plate_glaze()),
        ("white_bowl", vessels.WHITE_BOWL, textures.white_porcelain()),
    ):
        write_vessel(scanned / name, name, vessel, textures.picture(glaze))
    for name, (carton, label) in groceries.CARTONS.items():
        write_carton(directory / "stable_hope_objects" / name, name, carton, label.draw())
    for name, thing in _THINGS.items():
        write_thing(directory / thing.folder / name, name, thing)
    woods = {name: textures.picture(wood) for name, wood in textures.woods().items()}
    for name, boards in containers.BOARDS.items():
        write_boards(directory / boards.folder / name, name, boards, woods)

    articulated = directory / "articulated_objects"
    steel, iron = textures.picture(textures.steel()), textures.picture(textures.cast_iron())
    ebony = textures.picture(textures.cabinet_wood())
    write_cabinet(articulated, "wooden_cabinet", cabinets.WOODEN_CABINET, ebony, steel)
    write_cabinet(articulated, "white_cabinet", cabinets.WHITE_CABINET, woods["white"], iron)
    write_stove(articulated, "flat_stove", stoves.FLAT_STOVE, steel, iron)
    write_microwave(articulated, "microwave", microwaves.MICROWAVE, iron, steel)

    for path, (room, floor, wall) in zip(SCENES, rooms.SCENES.values(), strict=True):
        write_room(directory / path, room, floor, wall)
    folder = directory / "textures"
    folder.mkdir(parents=True, exist_ok=True)
    for style in (*textures.FLOORS, *textures.WALLS):
        textures.picture(style.draw(*style.arguments)).save(folder / style.file)
    textures.picture(textures.table_wood()).save(folder / "light_wood_table.png")
    for wood in ("rosewood", "teak"):
        woods[wood].save(folder / f"{wood}_table.png")
