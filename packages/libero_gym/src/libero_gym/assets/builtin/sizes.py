"""Measured sizes of what the built-in set covers: the one place where numbers of the real objects stand.

SI units: metres, kilograms, radians; quaternions are (w, x, y, z). Positions are in the frame of the object's own body,
z up, whose origin lies where LIBERO's does: published initial states give the pose of that frame. The numbers are facts
measured on LIBERO's compiled scenes (hf-libero 0.1.4, collision geometry, joints, sites and masses); the shapes between
them are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, ...]
"""A profile point (radius, height), a position (x, y, z) or a half size (x, y, z)."""


@dataclass(frozen=True)
class ContactMaterial:
    """How a collision shape meets others, in MuJoCo's terms."""

    friction: Point = (0.95, 0.3, 0.1)
    """Sliding, torsional, rolling."""
    solref: Point = (0.001, 1.0)
    solimp: Point = (0.998, 0.998, 0.001)
    density: float = 100.0
    """kg/m3; counts only where a body names no inertia of its own."""


@dataclass(frozen=True)
class Inertia:
    """Mass, centre of mass and the diagonal of the inertia about it, axes as the body's."""

    mass: float
    centre: Point
    diagonal: Point


@dataclass(frozen=True)
class WallSizes:
    """A conical wall: the middle of its thickness runs from `lower` to `upper`, both (radius, height)."""

    lower: Point
    upper: Point
    thickness: float
    segments: int
    """Boxes in the ring. A rim that is lifted between two fingers needs each finger to lie on two or three boxes: with
    fewer contacts the bowl turns in the grip."""


@dataclass(frozen=True)
class LatheSizes:
    """A vessel that is round about z: a square foot and rings of boxes to touch, a turned profile to see."""

    foot_half_width: float
    foot_bottom: float
    foot_top: float
    walls: tuple[WallSizes, ...]
    profile: tuple[Point, ...]
    """(radius, height), from the axis underneath, around the rim, to the axis inside."""
    inertia: Inertia
    body_position: Point = (0.0, 0.0, 0.0)
    slices: int = 28
    """Sides of the visual mesh."""


@dataclass(frozen=True)
class BoxSizes:
    """A carton: one box to touch, another, as large as the printed carton, to see."""

    half_size: Point
    visual_half_size: Point
    inertia: Inertia


@dataclass(frozen=True)
class Panel:
    """An upright box: its middle and its half size."""

    centre: Point
    half_size: Point


@dataclass(frozen=True)
class SiteSizes:
    """A box site: the region that LIBERO's predicates look at."""

    centre: Point
    half_size: Point
    quat: Point = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class DrawerSizes:
    """A drawer of a cabinet; it slides along -y."""

    level: str
    """LIBERO's word: "top", "middle" or "bottom"."""
    front: Panel
    back: Panel
    left: Panel
    right: Panel
    floor: Panel
    handle_bar: Panel
    handle_posts: tuple[Panel, Panel]
    region: SiteSizes


@dataclass(frozen=True)
class CabinetSizes:
    """A cabinet with drawers: panels that stand still, drawers that slide."""

    panels: tuple[Panel, ...]
    drawers: tuple[DrawerSizes, ...]
    top_side: SiteSizes
    joint_range: Point
    joint_damping: float
    drawer_inertia: Inertia


@dataclass(frozen=True)
class StoveSizes:
    """A flat stove: a plate with one burner, and a knob that turns about z."""

    burner_position: Point
    """From the stove's origin to the middle of its plate."""
    plate_half_size: Point
    lid: Panel
    """What pots stand on, just above the burner's rings; in the plate's frame. It reaches down into the plate: a bowl
    that falls onto a sheet of LIBERO's one millimetre passes through it within a time step."""
    cook_region: SiteSizes
    glow_position: Point
    glow_radius: float
    glow_half_height: float
    rings: tuple[tuple[float, float], ...]
    """(inner, outer) radius of the burner's raised rings."""
    ring_bottom: float
    ring_top: float
    knob_quat: Point
    knob_disc_centre: Point
    knob_disc_radius: float
    knob_disc_half_height: float
    knob_grips: tuple[Panel, ...]
    """Boxes of the part that is gripped, in the knob's frame."""
    knob_inertia: Inertia
    joint_range: Point
    joint_damping: float


@dataclass(frozen=True)
class PlacementSites:
    """The three sites that robosuite's placement samplers read: how far an object reaches down, up and sideways."""

    bottom: Point
    top: Point
    horizontal_radius: Point
    size: float


@dataclass(frozen=True)
class WallPanel:
    """A wall of the room, a box (visual only)."""

    name: str
    centre: Point
    quat: Point
    half_size: Point


@dataclass(frozen=True)
class CameraPose:
    """A fixed camera. LIBERO's problem classes move some of them afterwards."""

    name: str
    position: Point
    quat: Point


@dataclass(frozen=True)
class LightPose:
    """A lamp that casts no shadow."""

    name: str
    position: Point
    direction: Point
    diffuse: float
    specular: float


@dataclass(frozen=True)
class RoomSizes:
    """The room around a table scene: floor, walls, cameras, lamps. The table's size comes from LIBERO's arena class."""

    floor_half_size: Point
    walls: tuple[WallPanel, ...]
    cameras: tuple[CameraPose, ...]
    lights: tuple[LightPose, ...]


CONTACT = ContactMaterial()

OBJECT_SITES = PlacementSites((0.0, 0.0, -0.06), (0.0, 0.0, 0.04), (0.025, 0.025, 0.0), 0.005)
FIXTURE_SITES = PlacementSites((0.0, 0.0, -0.045), (0.0, 0.0, 0.045), (0.045, 0.045, 0.0), 0.05)

AKITA_BLACK_BOWL = LatheSizes(
    foot_half_width=0.0228,
    foot_bottom=0.0016,
    foot_top=0.0068,
    walls=(
        WallSizes(lower=(0.0250, 0.0052), upper=(0.0436, 0.0156), thickness=0.0016, segments=12),
        WallSizes(lower=(0.0424, 0.0156), upper=(0.0518, 0.0518), thickness=0.0026, segments=24),
    ),
    profile=(
        (0.0, 0.0), (0.0240, 0.0), (0.0262, 0.0030), (0.0345, 0.0085), (0.0420, 0.0170), (0.0470, 0.0310),
        (0.0518, 0.0518), (0.0515, 0.0532), (0.0498, 0.0530), (0.0444, 0.0310), (0.0392, 0.0185), (0.0320, 0.0108),
        (0.0240, 0.0072), (0.0, 0.0068),
    ),
    inertia=Inertia(0.00559, (0.0, 0.0, 0.0227), (5.9e-6, 5.9e-6, 9.1e-6)),
    body_position=(0.0, -0.1, 0.0),
)  # fmt: skip

PLATE = LatheSizes(
    foot_half_width=0.0295,
    foot_bottom=-0.0025,
    foot_top=0.0061,
    walls=(WallSizes(lower=(0.0340, 0.0019), upper=(0.0663, 0.0134), thickness=0.0051, segments=12),),
    profile=(
        (0.0, 0.0), (0.0380, 0.0), (0.0400, 0.0020), (0.0530, 0.0075), (0.0682, 0.0152), (0.0686, 0.0162),
        (0.0678, 0.0166), (0.0640, 0.0154), (0.0530, 0.0108), (0.0410, 0.0068), (0.0360, 0.0062), (0.0, 0.0062),
    ),
    inertia=Inertia(0.01152, (0.0, 0.0, 0.0064), (14.0e-6, 14.0e-6, 27.6e-6)),
    slices=32,
)  # fmt: skip

GLAZED_RIM_PORCELAIN_RAMEKIN = LatheSizes(
    foot_half_width=0.0255,
    foot_bottom=0.0007,
    foot_top=0.0073,
    walls=(WallSizes(lower=(0.0354, 0.0030), upper=(0.0413, 0.0423), thickness=0.0052, segments=14),),
    profile=(
        (0.0, 0.0), (0.0350, 0.0), (0.0362, 0.0020), (0.0400, 0.0330), (0.0402, 0.0365), (0.0438, 0.0378),
        (0.0444, 0.0420), (0.0436, 0.0433), (0.0392, 0.0433), (0.0376, 0.0390), (0.0340, 0.0110), (0.0310, 0.0076),
        (0.0, 0.0074),
    ),
    inertia=Inertia(0.00966, (0.0, 0.0, 0.0168), (7.7e-6, 7.7e-6, 12.2e-6)),
)  # fmt: skip

COOKIES = BoxSizes(
    half_size=(0.0310, 0.0413, 0.0094),
    visual_half_size=(0.0307, 0.0418, 0.0100),
    inertia=Inertia(0.00964, (0.0, 0.0, 0.0), (5.77e-6, 3.38e-6, 8.58e-6)),
)

_SIDEWAYS = (0.70711, 0.0, 0.70711, 0.0)
"""Drawer regions are turned by a quarter about y: their half size is given as (height, depth, width)."""


def _drawer(level: str, wall_z: float, floor_z: float, handle_z: float, region_z: float) -> DrawerSizes:
    """A drawer of the wooden cabinet: all three are alike but for their heights (metres, in the cabinet's frame)."""
    return DrawerSizes(
        level=level,
        front=Panel((0.0033, -0.0715, wall_z - 0.0005), (0.1093, 0.0065, 0.0342)),
        back=Panel((0.0033, 0.0908, wall_z), (0.1068, 0.0036, 0.0321)),
        left=Panel((-0.1019, 0.0110, wall_z), (0.0024, 0.0815, 0.0316)),
        right=Panel((0.1089, 0.0110, wall_z), (0.0024, 0.0815, 0.0313)),
        floor=Panel((0.0035, 0.0105, floor_z), (0.1070, 0.0809, 0.0040)),
        handle_bar=Panel((-0.0028, -0.1016, handle_z), (0.0445, 0.0082, 0.0077)),
        handle_posts=(
            Panel((-0.0356, -0.0835, handle_z), (0.0051, 0.0106, 0.0056)),
            Panel((0.0292, -0.0835, handle_z), (0.0051, 0.0106, 0.0056)),
        ),
        region=SiteSizes((0.0033, 0.0113, region_z), (0.0299, 0.0756, 0.1022), _SIDEWAYS),
    )


WOODEN_CABINET = CabinetSizes(
    panels=(
        Panel((-0.1122, 0.0163, 0.1135), (0.0052, 0.0954, 0.1066)),  # left side
        Panel((0.1190, 0.0163, 0.1135), (0.0052, 0.0954, 0.1066)),  # right side
        Panel((0.0034, 0.1094, 0.1135), (0.1104, 0.0023, 0.1066)),  # back
        Panel((0.0040, 0.0164, 0.0069), (0.1228, 0.0896, 0.0020)),  # bottom
        Panel((0.0039, 0.0158, 0.2216), (0.1273, 0.0941, 0.0014)),  # top
        # The shelves between the drawers begin behind the drawers' fronts: nothing touches while a drawer slides.
        Panel((0.0034, 0.0274, 0.1494), (0.1104, 0.0795, 0.0009)),
        Panel((0.0034, 0.0274, 0.0793), (0.1104, 0.0795, 0.0009)),
    ),
    drawers=(
        _drawer("top", wall_z=0.1836, floor_z=0.1551, handle_z=0.1839, region_z=0.1856),
        _drawer("middle", wall_z=0.1139, floor_z=0.0854, handle_z=0.1104, region_z=0.1169),
        _drawer("bottom", wall_z=0.0453, floor_z=0.0168, handle_z=0.0411, region_z=0.0470),
    ),
    top_side=SiteSizes((0.0035, 0.0157, 0.2215), (0.1253, 0.0944, 0.0015)),
    joint_range=(-0.16, 0.01),
    joint_damping=50.0,
    drawer_inertia=Inertia(3.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
)

FLAT_STOVE = StoveSizes(
    burner_position=(0.15, 0.0, 0.0),
    plate_half_size=(0.095, 0.095, 0.02),
    lid=Panel((0.0, 0.0, 0.013), (0.095, 0.095, 0.0125)),
    cook_region=SiteSizes((0.0, 0.0, 0.0), (0.075, 0.075, 0.0025)),
    glow_position=(0.0, 0.0, 0.022),
    glow_radius=0.0625,
    glow_half_height=0.0005,
    rings=((0.0, 0.011), (0.018, 0.026), (0.033, 0.041), (0.048, 0.065)),
    ring_bottom=0.0193,
    ring_top=0.0254,
    knob_quat=(0.7071068, 0.0, 0.0, 0.7071068),
    knob_disc_centre=(0.0013, 0.0046, 0.0066),
    knob_disc_radius=0.0468,
    knob_disc_half_height=0.0062,
    knob_grips=(
        Panel((0.0014, 0.0174, 0.0257), (0.0123, 0.0346, 0.0243)),
        Panel((0.0011, -0.0289, 0.0215), (0.0122, 0.0118, 0.0210)),
    ),
    knob_inertia=Inertia(3.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    joint_range=(-0.005, 2.1),
    joint_damping=1.0,
)

TABLETOP_ROOM = RoomSizes(
    floor_half_size=(3.0, 3.0, 0.125),
    walls=(
        WallPanel("leftcorner", (-1.25, 2.25, 1.5), (0.65328, 0.65328, 0.2706, 0.2706), (1.06, 1.5, 0.01)),
        WallPanel("rightcorner", (-1.25, -2.25, 1.5), (0.65328, 0.65328, -0.2706, -0.2706), (1.06, 1.5, 0.01)),
        WallPanel("left", (1.25, 3.0, 1.5), (0.70711, 0.70711, 0.0, 0.0), (1.75, 1.5, 0.01)),
        WallPanel("right", (1.25, -3.0, 1.5), (0.70711, -0.70711, 0.0, 0.0), (1.75, 1.5, 0.01)),
        WallPanel("rear", (-2.0, 0.0, 1.5), (0.5, 0.5, 0.5, 0.5), (1.5, 1.5, 0.01)),
        WallPanel("front", (3.0, 0.0, 1.5), (0.5, 0.5, -0.5, -0.5), (3.0, 1.5, 0.01)),
    ),
    cameras=(
        CameraPose("frontview", (1.0, 0.0, 1.45), (0.56, 0.43, 0.43, 0.56)),
        CameraPose("birdview", (-0.2, 0.0, 3.0), (0.70711, 0.0, 0.0, 0.70711)),
        CameraPose("agentview", (0.5, 0.0, 1.35), (0.653, 0.271, 0.271, 0.653)),
        CameraPose("sideview", (-0.05652, 1.27612, 1.48796), (0.0099, 0.00688, 0.59122, 0.80642)),
    ),
    lights=(
        LightPose("light1", (1.0, 1.0, 4.0), (0.0, -0.15, -1.0), 0.8, 0.3),
        LightPose("light2", (-3.0, -3.0, 4.0), (0.0, -0.15, -1.0), 0.8, 0.3),
    ),
)
