"""The catalog: every object, fixture and arena of the built-in set, read from its data files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from libero_gym.assets.builtin.arena import ArenaSizes
from libero_gym.assets.builtin.boards import BoardSizes
from libero_gym.assets.builtin.book import BookSizes
from libero_gym.assets.builtin.cabinet import CabinetSizes
from libero_gym.assets.builtin.carton import CartonSizes
from libero_gym.assets.builtin.composite import CompositeSizes
from libero_gym.assets.builtin.microwave import MicrowaveSizes
from libero_gym.assets.builtin.mug import MugSizes
from libero_gym.assets.builtin.schema import DATA, read_objects
from libero_gym.assets.builtin.stove import StoveSizes
from libero_gym.assets.builtin.vessel import VesselSizes


@dataclass(frozen=True)
class Catalog:
    """Name in LIBERO -> measured sizes, by family."""

    vessels: dict[str, VesselSizes]
    cartons: dict[str, CartonSizes]
    composites: dict[str, CompositeSizes]
    boards: dict[str, BoardSizes]
    cabinets: dict[str, CabinetSizes]
    microwaves: dict[str, MicrowaveSizes]
    stoves: dict[str, StoveSizes]
    arenas: dict[str, ArenaSizes]

    @property
    def objects(self) -> tuple[str, ...]:
        """LIBERO's categories of movable objects that the five suites name."""
        movable = (name for name, sizes in self.boards.items() if sizes.inertia is not None)
        return (*self.vessels, *self.cartons, *self.composites, *movable)

    @property
    def fixtures(self) -> tuple[str, ...]:
        """LIBERO's categories of fixtures, beside the tables and the floor, which are parts of arenas."""
        fixed = (name for name, sizes in self.boards.items() if sizes.inertia is None)
        return (*self.cabinets, *self.microwaves, *self.stoves, *fixed)

    @property
    def scenes(self) -> dict[str, ArenaSizes]:
        """Scene file, relative to the set's folder -> its arena."""
        return {f"scenes/libero_{name}_base_style.xml": arena for name, arena in self.arenas.items()}


@cache
def load_catalog() -> Catalog:
    """Read the data files.

    Raises:
        AssetDataError: a file is damaged or has a value that is not allowed.
    """
    return Catalog(
        vessels=read_objects(DATA / "vessels.toml", VesselSizes),
        cartons=read_objects(DATA / "cartons.toml", CartonSizes),
        composites={
            **read_objects(DATA / "groceries.toml", CompositeSizes),
            **read_objects(DATA / "tableware.toml", CompositeSizes),
            **{name: mug.composite() for name, mug in read_objects(DATA / "mugs.toml", MugSizes).items()},
            **{name: book.composite() for name, book in read_objects(DATA / "books.toml", BookSizes).items()},
        },
        boards=read_objects(DATA / "boards.toml", BoardSizes),
        cabinets=read_objects(DATA / "cabinets.toml", CabinetSizes),
        microwaves=read_objects(DATA / "microwaves.toml", MicrowaveSizes),
        stoves=read_objects(DATA / "stoves.toml", StoveSizes),
        arenas=read_objects(DATA / "arenas.toml", ArenaSizes),
    )
