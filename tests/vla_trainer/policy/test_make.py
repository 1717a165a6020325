"""Where a policy computes, and what is written of it."""

import copy

import pytest
import torch
from gymnasium import spaces

from vla_trainer.config.schema import PolicyConfig
from vla_trainer.errors import PolicyError
from vla_trainer.policy import make
from vla_trainer.policy.gaussian import GaussianPolicy
from vla_trainer.policy.make import empty_copy, export_policy, make_policy

AUTO = PolicyConfig(factory="module:attribute")
GAUSSIAN = PolicyConfig(factory="vla_trainer.policy.gaussian:GaussianPolicy", device="cpu")

without_gpus = pytest.mark.skipif(torch.cuda.is_available(), reason="a machine whose GPUs torch can use")


class OneEnv:
    observation_space = spaces.Box(-1, 1, (3,))
    action_space = spaces.Box(-1, 1, (2,))


@without_gpus
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


@without_gpus
def test_a_driver_that_is_too_old_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(make, "DRIVER", tmp_path / "version")
    line = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01  Wed Oct 27 21:21:55 UTC 2021\nGCC version: 9\n"
    (tmp_path / "version").write_text(line)
    with pytest.raises(PolicyError, match=r"has an NVIDIA driver .*Kernel Module 470.82.01; torch is built for CUDA"):
        make.device_of(AUTO)


@without_gpus
@pytest.mark.parametrize("visible", ["", "-1", None])
def test_a_process_without_gpus_computes_on_the_processor(monkeypatch, tmp_path, visible):
    monkeypatch.setattr(make, "DRIVER", tmp_path / "version")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        (tmp_path / "version").write_text("NVRM version: a driver that is there")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert make.device_of(AUTO).type == "cpu"


def test_what_is_prepared_is_complete_and_on_the_processor(tmp_path):
    seen = []
    config = GAUSSIAN.model_copy(update={"kwargs": {"seed": 3}})
    policy = make_policy(config, OneEnv, prepare=lambda made: seen.append(copy.deepcopy(made.state_dict())))
    assert seen[0].keys() == policy.state_dict().keys()
    assert all(torch.equal(value, policy.state_dict()[key]) for key, value in seen[0].items())


def test_an_empty_copy_writes_weights_that_it_is_given(tmp_path):
    policy = GaussianPolicy(OneEnv.observation_space, OneEnv.action_space, seed=1)
    empty = empty_copy(policy)
    assert {weight.device.type for weight in empty.parameters()} == {"meta"}
    assert {weight.device.type for weight in policy.parameters()} == {"cpu"}
    empty.load_state_dict(policy.state_dict(), assign=True)
    for name, written in (("policy", policy), ("copy", empty)):
        (tmp_path / name).mkdir()
        export_policy(written, tmp_path / name, GAUSSIAN)
    first, second = (GaussianPolicy.from_pretrained(tmp_path / name) for name in ("policy", "copy"))
    assert all(torch.equal(weight, second.state_dict()[name]) for name, weight in first.state_dict().items())
    assert {weight.device.type for weight in empty_copy(empty).parameters()} == {"meta"}  # and is emptied again


def test_a_policy_that_writes_one_type_takes_no_other():
    with pytest.raises(PolicyError, match=r"export_dtype is set, .* a GaussianPolicy.* takes no dtype"):
        make_policy(GAUSSIAN.model_copy(update={"export_dtype": "bf16"}), OneEnv)
