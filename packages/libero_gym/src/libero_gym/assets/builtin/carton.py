"""Cartons: boxes with a printed front and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.labels import Label
from libero_gym.assets.builtin.mesh import Rectangle, box_mesh
from libero_gym.assets.builtin.shapes import OBJECT_SITES, Box, Folder, HalfSize, Inertia


@dataclass(frozen=True)
class CartonSizes:
    """A carton: a box to collide with and another, as large as the printed carton, to render."""

    folder: Folder
    half_size: HalfSize
    visual_half_size: HalfSize
    inertia: Inertia
    label: Label
    """The left three quarters are the front and the back, the rest is the narrow sides."""


#: Parts of a label: the carton's front, and its narrow sides.
FRONT: Rectangle = (0.0, 0.0, 0.75, 1.0)
SIDE: Rectangle = (0.75, 0.0, 1.0, 1.0)


def write_carton(directory: Path, name: str, sizes: CartonSizes) -> None:
    """Write `NAME.xml` with its mesh and its texture into `directory`.

    Args:
        directory: LIBERO's folder of this object; it is created.
        name: LIBERO's name of the object.
        sizes: its measured sizes; the printed sides are those that face +z and -z.
    """
    directory.mkdir(parents=True, exist_ok=True)
    sizes.label.render().save(directory / "texture_map.png")
    parts = dict.fromkeys(("+x", "-x", "+y", "-y"), SIDE) | {"+z": FRONT, "-z": FRONT}
    visual = box_mesh(Box((0.0, 0.0, 0.0), sizes.visual_half_size), parts)
    visual.write(directory / "visual" / f"{name}_vis.obj")

    root, asset, worldbody = mjcf.document(name)
    mjcf.texture(asset, f"tex-{name}", "texture_map.png")
    mjcf.material(asset, name, f"tex-{name}")
    mjcf.mesh_asset(asset, f"{name}_vis", f"visual/{name}_vis.obj")
    body = mjcf.object_body(worldbody, OBJECT_SITES)
    mjcf.inertial(body, sizes.inertia)
    mjcf.visual_mesh(body, f"{name}_vis", name)
    mjcf.collision_box(body, Box((0.0, 0.0, 0.0), sizes.half_size))
    mjcf.write(root, directory / f"{name}.xml")
