"""Trays, caddies, racks and shelves, nailed together of boards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import box_mesh, union
from libero_gym.assets.builtin.shapes import OBJECT_SITES, Box, Folder, Inertia
from libero_gym.assets.builtin.textures import Wood, texture_image

#: Metres of wood that a repeat of the texture shows.
GRAIN_SPAN = 0.25


@dataclass(frozen=True)
class BoardSizes:
    """An object or a fixture of boards; all in the frame of its own body."""

    folder: Folder
    boards: dict[Wood, tuple[Box, ...]]
    """Wood -> the boards of it, rendered and collided with."""
    regions: dict[str, Box]
    inertia: Inertia | None = None
    """None for a fixture, which does not move."""


def write_boards(directory: Path, name: str, sizes: BoardSizes) -> None:
    """Write `NAME.xml` with a mesh and a texture for each wood into `directory`.

    Args:
        directory: LIBERO's folder of this object; it is created.
        name: LIBERO's name of the object.
        sizes: its measured sizes.
    """
    directory.mkdir(parents=True, exist_ok=True)
    root, asset, worldbody = mjcf.document(name)
    body = mjcf.object_body(worldbody, OBJECT_SITES)
    if sizes.inertia is not None:
        mjcf.inertial(body, sizes.inertia)
    for wood, boards in sizes.boards.items():
        part = f"{name}_{wood}"
        texture_image(wood).save(directory / f"{wood}.png")
        mesh = union(box_mesh(board, texture_span=GRAIN_SPAN) for board in boards)
        mesh.write(directory / "visual" / f"{part}_vis.obj")
        mjcf.texture(asset, f"tex-{part}", f"{wood}.png")
        mjcf.material(asset, part, f"tex-{part}")
        mjcf.mesh_asset(asset, f"{part}_vis", f"visual/{part}_vis.obj")
        mjcf.visual_mesh(body, f"{part}_vis", part)
        for board in boards:
            mjcf.collision_box(body, board)
    for region, site in sizes.regions.items():
        mjcf.box_site(body, region, site)
    mjcf.write(root, directory / f"{name}.xml")
