"""Things nailed together of boards: trays, caddies, racks, shelves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import box, union
from libero_gym.assets.builtin.shapes import OBJECT_SITES, Inertia, Panel

#: Metres of wood that one repeat of the texture shows.
_GRAIN_SPAN = 0.25


@dataclass(frozen=True)
class BoardSizes:
    """A thing of boards; all in the frame of its own body."""

    folder: str
    """LIBERO's folder of its kind."""
    boards: dict[str, tuple[Panel, ...]]
    """Name of a wood -> what is made of it, seen and touched."""
    regions: dict[str, Panel]
    inertia: Inertia | None = None
    """None for a fixture, which does not move."""


def write_boards(directory: Path, name: str, sizes: BoardSizes, woods: dict[str, Image.Image]) -> None:
    """Writes `NAME.xml` with a mesh and a texture for each wood into `directory`.

    Args:
        directory: LIBERO's folder of this thing; it is made.
        name: LIBERO's name of it.
        sizes: its measured sizes.
        woods: the pictures of the woods that `sizes` names.
    """
    directory.mkdir(parents=True, exist_ok=True)
    root, asset, worldbody = mjcf.document(name)
    body = mjcf.object_body(worldbody, OBJECT_SITES)
    if sizes.inertia is not None:
        mjcf.inertial(body, sizes.inertia)
    for wood, boards in sizes.boards.items():
        part = f"{name}_{wood}"
        woods[wood].save(directory / f"{wood}.png")
        union(box(board, texture_span=_GRAIN_SPAN) for board in boards).write(directory / "visual" / f"{part}_vis.obj")
        mjcf.texture(asset, f"tex-{part}", f"{wood}.png")
        mjcf.material(asset, part, f"tex-{part}")
        mjcf.mesh_asset(asset, f"{part}_vis", f"visual/{part}_vis.obj")
        mjcf.visual_mesh(body, f"{part}_vis", part)
        for board in boards:
            mjcf.collision_box(body, board)
    for region, site in sizes.regions.items():
        mjcf.box_site(body, region, site)
    mjcf.write(root, directory / f"{name}.xml")
