"""The reaching toy as an environment that renders on a GPU: it takes which, and names what renders."""

from typing import Any

import gymnasium
import reach_toy


class DeviceReachEnv(reach_toy.ReachEnv):
    """Renders on `gpu`; what renders is called by it."""

    metadata = {  # noqa: RUF012  # as Gymnasium has it
        **reach_toy.ReachEnv.metadata,
        "device_argument": "gpu",
        "renderer_attribute": "painter",
    }

    def __init__(self, gpu: str | int | None = None, refuses: bool = False, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._gpu, self._refuses = gpu, refuses

    @property
    def painter(self) -> str:
        if self._refuses:
            raise ValueError("no GPU renders here")
        return f"painter on {self._gpu}"


gymnasium.register("toy/DeviceReach-v0", entry_point=DeviceReachEnv, disable_env_checker=True, order_enforce=False)

ENV = "env.id=device_toy:toy/DeviceReach-v0"
