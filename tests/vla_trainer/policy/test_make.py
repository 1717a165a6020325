"""Where a policy computes."""

import pytest
import torch
from gymnasium import spaces

from vla_trainer.config.schema import PolicyConfig
from vla_trainer.errors import PolicyError
from vla_trainer.policy import make

AUTO = PolicyConfig(factory="module:attribute")

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a machine whose GPUs torch can use")


@pytest.mark.parametrize("visible", ["0", "6,7", "GPU-8f2c"])
def test_gpus_that_cannot_be_used_are_an_error(monkeypatch, tmp_path, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(make, "DRIVER", tmp_path / "version")
    message = rf'policy.device="auto": this process was given GPUs \(CUDA_VISIBLE_DEVICES={visible}\), but torch'
    with pytest.raises(PolicyError, match=message) as raised:
        make.device_of(AUTO)
    assert "There is no NVIDIA driver here" in str(raised.value)
    assert "policy.device=cpu computes on the processor" in str(raised.value)
    assert make.device_of(AUTO.model_copy(update={"device": "cpu"})).type == "cpu"


def test_a_driver_that_is_too_old_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(make, "DRIVER", tmp_path / "version")
    line = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01  Wed Oct 27 21:21:55 UTC 2021\nGCC version: 9\n"
    (tmp_path / "version").write_text(line)
    with pytest.raises(PolicyError, match=r"has an NVIDIA driver .*Kernel Module 470.82.01; torch is built for CUDA"):
        make.device_of(AUTO)


@pytest.mark.parametrize("visible", ["", "-1", None])
def test_a_process_without_gpus_computes_on_the_processor(monkeypatch, tmp_path, visible):
    monkeypatch.setattr(make, "DRIVER", tmp_path / "version")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        (tmp_path / "version").write_text("NVRM version: a driver that is there")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert make.device_of(AUTO).type == "cpu"


class Env:
    """Spaces of an environment whose observations and actions are numbers."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Box(-1, 1, (2,))


@pytest.mark.parametrize(
    ("key", "value", "method"),
    [
        ("gradient_checkpointing", True, "gradient_checkpointing_enable"),
        ("gradient_checkpointing", "selective", "gradient_checkpointing_enable"),
        ("compile", "blocks", "compile_blocks"),
    ],
)
def test_what_a_policy_cannot_do_is_named(key, value, method):
    policy = PolicyConfig(factory="vla_trainer.policy.gaussian:GaussianPolicy", device="cpu", **{key: value})
    with pytest.raises(PolicyError, match=rf"policy.{key} is set, but a GaussianPolicy, .* has no {method}\(\)"):
        make.make_policy(policy, Env())


def test_a_gpu_without_a_compiler_is_refused_before_weights_are_loaded(monkeypatch):
    policy = PolicyConfig(factory="no_module:at_all", compile="blocks")
    monkeypatch.setattr(make, "device_of", lambda _: torch.device("cuda"))
    monkeypatch.setattr(make.shutil, "which", lambda _: None)
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(PolicyError, match=r"policy.compile=blocks: torch.compile needs a C compiler .* cc, gcc, clang"):
        make.make_policy(policy, Env())
    monkeypatch.setenv("CC", "gcc")
    with pytest.raises(PolicyError, match="no_module"):
        make.make_policy(policy, Env())
