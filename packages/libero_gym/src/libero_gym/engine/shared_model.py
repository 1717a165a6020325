"""A scene's model with the physics that was asked for, shared by the worlds of one thread."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco

from libero_gym.engine.contacts import keep_stiffness
from libero_gym.scene.compiled import CompiledScene
from libero_gym.shifts.look import Look

#: Tolerance of the constraint solver. robosuite's model has 1e-8, but it solves three times a physics step, each time
#: from the last solution; one run that goes on to here ends where its three do, at the price of an iteration.
SOLVER_TOLERANCE = 1e-13
#: "reference": LIBERO's time steps. "fast": longer ones, contacts as stiff. "soft": those, and contacts that give way.
PHYSICS = ("reference", "fast", "soft")
#: Physics steps of a control step where speed matters more than LIBERO's trajectories: 5 ms each instead of 2 ms.
FAST_STEPS = 10


@dataclass(eq=False)
class SharedModel:
    """A compiled scene's model, shared by the worlds of one thread.

    Fixture poses live in the model, not in the state, so the world that steps next writes its own first.
    """

    scene: CompiledScene
    model: mujoco.MjModel
    physics_steps: int
    holder: object | None = None
    """What stands for the world that wrote its poses last; not the world itself, which a cycle would keep alive."""
    look: Look | None = None
    """What a shift wrote last; None while the model is as its scene has it."""
    _own_look: Look | None = None

    def own_look(self) -> Look:
        """Return the look that the scene has without a shift."""
        if self._own_look is None:
            assert self.look is None
            self._own_look = Look(self.model)
        return self._own_look

    def show(self, look: Look | None) -> None:
        """Write a look into the model, or, with None, the scene's own."""
        if look is not self.look:
            own = self.own_look()
            (own if look is None else look).write(self.model)
            self.look = look

    @classmethod
    def load(cls, scene: CompiledScene, *, decimated: bool = False, physics: str = "reference") -> SharedModel:
        """Read a scene's model from disk, with coarser visual meshes and other time steps on request.

        Args:
            scene: what was compiled.
            decimated: with coarser visual meshes.
            physics: one of `PHYSICS`; a control step stays as long as it is.
        """
        model = scene.load_model(decimated=decimated)
        model.opt.tolerance = SOLVER_TOLERANCE
        published = scene.table.control_substeps
        steps = published if physics == "reference" else FAST_STEPS
        timestep = model.opt.timestep
        model.opt.timestep *= published / steps
        if physics == "fast":
            keep_stiffness(model, timestep)
        return cls(scene, model, steps)
