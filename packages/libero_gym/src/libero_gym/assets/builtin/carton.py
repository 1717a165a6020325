"""Cartons: a box with a printed front and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import Rectangle, box
from libero_gym.assets.builtin.shapes import OBJECT_SITES, Inertia, Panel, Point


@dataclass(frozen=True)
class BoxSizes:
    """A carton: one box to touch, another, as large as the printed carton, to see."""

    half_size: Point
    visual_half_size: Point
    inertia: Inertia


#: Where a label picture holds the carton's front, and its narrow sides.
FRONT: Rectangle = (0.0, 0.0, 0.75, 1.0)
SIDE: Rectangle = (0.75, 0.0, 1.0, 1.0)


def write_carton(directory: Path, name: str, sizes: BoxSizes, label: Image.Image) -> None:
    """Writes `NAME.xml` with its mesh and its texture into `directory`.

    Args:
        directory: LIBERO's folder of this object; it is made.
        name: LIBERO's name of the object.
        sizes: its measured sizes; the printed sides are those that face +z and -z.
        label: picture with the front in `FRONT` and the narrow sides in `SIDE`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    label.save(directory / "texture_map.png")
    pictures = dict.fromkeys(("+x", "-x", "+y", "-y"), SIDE) | {"+z": FRONT, "-z": FRONT}
    visual = box(Panel((0.0, 0.0, 0.0), sizes.visual_half_size), pictures)
    visual.write(directory / "visual" / f"{name}_vis.obj")

    root, asset, worldbody = mjcf.document(name)
    mjcf.texture(asset, f"tex-{name}", "texture_map.png")
    mjcf.material(asset, name, f"tex-{name}")
    mjcf.mesh_asset(asset, f"{name}_vis", f"visual/{name}_vis.obj")
    body = mjcf.object_body(worldbody, OBJECT_SITES)
    mjcf.inertial(body, sizes.inertia)
    mjcf.visual_mesh(body, f"{name}_vis", name)
    mjcf.collision_box(body, Panel((0.0, 0.0, 0.0), sizes.half_size))
    mjcf.write(root, directory / f"{name}.xml")
