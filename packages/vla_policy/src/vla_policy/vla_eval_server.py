"""Serve policies to vla-eval, the harness of allenai/vla-evaluation-harness, which runs its benchmarks against them.

    pip install vla-policy vla-eval       # an environment without vla-trainer, whose command is called vla-eval too
    python -m vla_policy.vla_eval_server --args.path=FOLDER --args.unnorm_key=libero_spatial --port=8000
    vla-eval run --config configs/benchmarks/libero/spatial.yaml --server-url ws://localhost:8000

The harness sends an observation and executes one action at a time; a chunk is executed whole before the policy looks
again, as in OpenVLA-OFT's own evaluation. What it sends is as in its version 0.8.0: images turned by 180 degrees, and
`states` (8,). Axes: N sessions that are answered together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from vla_policy.errors import ObservationError, names
from vla_policy.policy import OpenVLAOFTPolicy

try:
    from vla_eval.model_servers.predict import PredictModelServer
    from vla_eval.model_servers.serve import run_server
    from vla_eval.specs import (
        GRIPPER_CLOSE_POS,
        IMAGE_RGB,
        LANGUAGE,
        POSITION_DELTA,
        ROTATION_AA,
        STATE_EEF_POS_AA_GRIP,
    )
except ImportError as error:
    raise ImportError(
        f"vla_policy.vla_eval_server needs the harness vla-eval ({error}); install it, in an environment without "
        'vla-trainer, with: pip install "vla-eval>=0.8"'
    ) from error


class OpenVLAOFTServer(PredictModelServer):  # type: ignore[misc]  # has no types
    """A policy behind the harness's WebSocket."""

    def __init__(
        self,
        path: str,
        unnorm_key: str | None = None,
        *,
        device: str = "auto",
        dtype: str | None = None,
        max_batch_size: int = 1,
        max_wait_time: float = 0.01,
    ) -> None:
        """
        Args:
            path: a folder in the published layout, or a repository of the Hugging Face Hub.
            unnorm_key: see `OpenVLAOFTPolicy.from_pretrained`.
            device: "auto" is a GPU if there is one.
            dtype: of the network's weights, e.g. "bfloat16"; None keeps the stored one.
            max_batch_size: sessions that are answered together, at most.
            max_wait_time: seconds that a batch waits for more of them.

        Raises:
            CheckpointError, ConfigError, UnnormKeyError, UnsupportedError: see `OpenVLAOFTPolicy.from_pretrained`.
        """
        chosen = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        self.policy = OpenVLAOFTPolicy.from_pretrained(
            path,
            unnorm_key,
            device=chosen,
            dtype=None if dtype is None else getattr(torch, dtype),
            value_head=False,
        )
        self.policy.eval()
        self._sizes = self.policy.model.config
        super().__init__(chunk_size=self._sizes.chunk, max_batch_size=max_batch_size, max_wait_time=max_wait_time)

    def get_observation_params(self) -> dict[str, Any]:
        """Return what the benchmark has to send: as for the harness's own server of OpenVLA-OFT."""
        return {
            "env_seed": 0,
            "quat_no_antipodal": True,
            "send_wrist_image": self._sizes.num_images > 1,
            "send_state": self._sizes.proprio_dim is not None,
        }

    def get_action_spec(self) -> dict[str, Any]:
        """Return what actions mean: changes of position and orientation, and a gripper that +1 closes."""
        return {"position": POSITION_DELTA, "rotation": ROTATION_AA, "gripper": GRIPPER_CLOSE_POS}

    def get_observation_spec(self) -> dict[str, Any]:
        """Return what the policy reads."""
        wrist = {"wrist": IMAGE_RGB} if self._sizes.num_images > 1 else {}
        state = {"state": STATE_EEF_POS_AA_GRIP} if self._sizes.proprio_dim is not None else {}
        return {"agentview": IMAGE_RGB, **wrist, **state, "language": LANGUAGE}

    def predict_batch(self, obs_batch: Sequence[dict[str, Any]], ctx_batch: Sequence[Any]) -> list[dict[str, Any]]:
        """Return a chunk of actions (C, 7) for each of N observations.

        Raises:
            ObservationError: an observation has fewer images than the policy reads, or no state.
        """
        rows = [self._observation(observation) for observation in obs_batch]
        batch = {key: [row[key] for row in rows] for key in rows[0]}
        arrays = {key: values if key == "instruction" else np.stack(values) for key, values in batch.items()}
        return [{"actions": actions} for actions in self.policy.predict(arrays)]

    def _observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        images = list(observation.get("images", {}).values())
        if len(images) < self._sizes.num_images:
            raise ObservationError(
                f"the benchmark sends {names(observation.get('images', {})) or 'no images'}; this policy reads "
                f"{self._sizes.num_images}: send_wrist_image=true"
            )
        row = dict(zip(("image", "wrist_image"), images[: self._sizes.num_images], strict=False))
        if self._sizes.proprio_dim is not None:
            state = observation.get("states", observation.get("state"))
            if state is None:
                raise ObservationError("the benchmark sends no state, which this policy reads: send_state=true")
            row["state"] = np.asarray(state, dtype=np.float32)
        return {**row, "instruction": observation["task_description"]}


if __name__ == "__main__":
    run_server(OpenVLAOFTServer)
