"""The reaching toy as an environment that renders on a GPU: it takes which, and names what renders."""

import os
from typing import Any

import gymnasium
import reach_toy


class DeviceReachEnv(reach_toy.ReachEnv):
    """Renders on `gpu`; what renders is called by it, and in a process that CUDA shows GPUs to by those."""

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
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        return f"painter on {self._gpu}" + (f" of {visible}" if visible else "")


gymnasium.register("toy/DeviceReach-v0", entry_point=DeviceReachEnv, disable_env_checker=True, order_enforce=False)

ENV = "env.id=device_toy:toy/DeviceReach-v0"
