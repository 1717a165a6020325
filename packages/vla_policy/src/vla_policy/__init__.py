"""OpenVLA-OFT, a vision-language-action policy, with a value head: act, and score past actions.

    policy = OpenVLAOFTPolicy.from_pretrained("path/to/checkpoint", unnorm_key="libero_spatial")
    output = policy.act(observation)                        # actions, tokens, log-probs, values, inputs
    scores = policy.evaluate(output.inputs, output.tokens)  # log-probs, entropy, values, with gradients

Nothing here knows an env or a trainer: observations come in as a dict of arrays, and tensors go out.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vla_policy import errors as errors
    from vla_policy.action_tokenizer import ActionTokenizer as ActionTokenizer
    from vla_policy.policy import OpenVLAOFTPolicy as OpenVLAOFTPolicy
    from vla_policy.pretrained import OpenVLAOFTModel as OpenVLAOFTModel

__version__ = _version("vla-policy")

_MODULES = {
    "ActionTokenizer": "vla_policy.action_tokenizer",
    "OpenVLAOFTModel": "vla_policy.pretrained",
    "OpenVLAOFTPolicy": "vla_policy.policy",
}

__all__ = ["ActionTokenizer", "OpenVLAOFTModel", "OpenVLAOFTPolicy", "__version__", "errors"]


def __getattr__(name: str) -> Any:
    # The tokenizer alone should not pay for torch.
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    if name == "errors":
        return import_module("vla_policy.errors")
    raise AttributeError(f"module 'vla_policy' has no attribute {name!r}")
