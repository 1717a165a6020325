"""A task of one's own on disk, with two models of one's own: a block with a mesh, and a stand that stays in place."""

from __future__ import annotations

from pathlib import Path

BLOCK = """<mujoco model="block">
  <compiler angle="degree" meshdir="meshes"/>
  <default>
    <geom density="400"/>
    <default class="seen"><geom contype="0" conaffinity="0" group="2" rgba="0.1 0.5 0.2 1"/></default>
  </default>
  <asset><mesh name="shape" file="block.obj"/></asset>
  <worldbody>
    <light pos="0 0 1"/>
    <body name="block" pos="0 0 0.5" childclass="seen">
      <freejoint/>
      <geom type="mesh" mesh="shape"/>
      <geom type="box" size="0.02 0.03 0.02" class="main" friction="1 0.005 0.0001"/>
    </body>
  </worldbody>
</mujoco>
"""
STAND = """<mujoco model="stand">
  <worldbody>
    <body name="stand">
      <geom type="box" size="0.08 0.08 0.01" pos="0 0 0.01" rgba="0.6 0.4 0.2 1"/>
      <site name="top_region" type="box" size="0.06 0.06 0.002" pos="0 0 0.02"/>
    </body>
  </worldbody>
</mujoco>
"""
TASK = """(define (problem LIBERO_Kitchen_Tabletop_Manipulation)
  (:domain robosuite)
  (:language put the green block on the stand)
  (:regions
    (left (:target kitchen_table) (:ranges ((-0.10 -0.20 0.05 -0.05))) (:yaw_rotation ((-0.8 0.8))))
    (right (:target kitchen_table) (:ranges ((-0.05 0.14 0.05 0.20))))
    (top_region (:target stand_1))
  )
  (:fixtures kitchen_table - kitchen_table stand_1 - stand)
  (:objects block_1 block_2 - block)
  (:obj_of_interest block_1 stand_1)
  (:init (On block_1 kitchen_table_left) (On block_2 kitchen_table_left) (On stand_1 kitchen_table_right))
  (:goal (On block_1 stand_1_top_region))
)
"""
CORNERS = [(x, y, z) for x in (-0.02, 0.02) for y in (-0.03, 0.03) for z in (-0.02, 0.02)]
FACES = "1 2 4, 1 4 3, 5 7 8, 5 8 6, 1 5 6, 1 6 2, 3 4 8, 3 8 7, 1 3 7, 1 7 5, 2 6 8, 2 8 4"
#: LIBERO's objects alone, each far from the others.
PLATE = """(define (problem LIBERO_Tabletop_Manipulation)
  (:language put the cream cheese on the plate)
  (:regions
    (left (:target main_table) (:ranges ((-0.15 -0.20 -0.05 -0.05))))
    (right (:target main_table) (:ranges ((-0.10 0.10 0.10 0.25))))
  )
  (:fixtures)
  (:objects cream_cheese_1 - cream_cheese plate_1 - plate)
  (:init (On cream_cheese_1 main_table_left) (On plate_1 main_table_right))
  (:goal (And (On cream_cheese_1 plate_1)))
)
"""


def write_own_task(folder: Path) -> Path:
    """Write the task and its models; return the task's file."""
    (folder / "meshes").mkdir(parents=True)
    (folder / "block.xml").write_text(BLOCK)
    (folder / "stand.xml").write_text(STAND)
    vertices = "".join(f"v {x} {y} {z}\n" for x, y, z in CORNERS)
    (folder / "meshes" / "block.obj").write_text(vertices + "".join(f"f {face}\n" for face in FACES.split(", ")))
    (folder / "green_block.bddl").write_text(TASK)
    return folder / "green_block.bddl"
