"""What a machine must have for a recipe: each check, on machines that are described here, and on this one."""

from dataclasses import replace
from pathlib import Path

import pytest
import reach_toy

from vla_trainer.config.load import load_config, parse_config
from vla_trainer.config.schema import Config
from vla_trainer.machine import CheckLine, Machine, checkpoint_bytes, checkpoints_at_once, examine, this_machine

GIB = 2**30
EIGHT = Machine(
    driver="NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82.07  Release Build",
    torch="2.13.0+cu130",
    torch_cuda="13.0",
    gpus=(("NVIDIA H100 80GB HBM3", 80 * GIB),) * 8,
    has_nccl=True,
    has_ray=True,
    shared_bytes=64 * GIB,
    memory_bytes=1000 * GIB,
    disk_free=2000 * GIB,
    disk_folder=Path("/runs"),
)
NONE = replace(EIGHT, driver=None, torch="2.13.0+cpu", torch_cuda=None, gpus=(), has_nccl=False)


@pytest.fixture(scope="module")
def full() -> Config:
    return load_config("libero_10_grpo_openvlaoft", [])


def toy(*overrides: str) -> Config:
    return parse_config(reach_toy.GRPO_RECIPE, list(overrides), source="test")


def line(config: Config, machine: Machine, check: str) -> CheckLine:
    (found,) = [result for result in examine(config, machine) if result.check == check]
    return found


def test_a_machine_of_eight_gpus_is_ready(full: Config) -> None:
    checks = examine(full, EIGHT)
    assert [result.check for result in checks] == ["driver", "gpus", "shm", "memory", "disk"]
    assert {result.status for result in checks} == {"ok"}
    assert "8 x NVIDIA H100 80GB HBM3 of 80 GiB; torch 2.13.0+cu130, CUDA 13.0" in str(checks[1])


def test_every_failure_says_what_to_do(full: Config) -> None:
    poor = replace(NONE, has_ray=False, shared_bytes=64 * 2**20, memory_bytes=GIB // 8, disk_free=GIB)
    checks = examine(full, poor)
    assert [result.check for result in checks if result.status == "failed"] == [
        "driver", "gpus", "ray", "shm", "memory", "disk"
    ]  # fmt: skip
    assert all(result.fix for result in checks if result.status == "failed")
    assert "\n" in str(checks[0])


@pytest.mark.parametrize(
    ("version", "cuda", "status"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023", "12.8", "ok"),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023", "13.0", "failed"),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  525.60.13  Wed Nov 30", "12.1", "ok"),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  525.53  Wed Nov 30", "12.1", "failed"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release", "13.0", "ok"),
        ("a text without a version", "13.0", "note"),
    ],
)
def test_drivers(version: str, cuda: str, status: str) -> None:
    found = line(toy("policy.device=cuda"), replace(EIGHT, driver=version, torch_cuda=cuda), "driver")
    assert found.status == status


def test_a_driver_that_is_too_old_is_named_with_what_is_needed() -> None:
    old = replace(EIGHT, driver="NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6")
    found = line(toy(), old, "driver")
    assert found.found == "535.54.03, older than the 580.65 that CUDA 13.0 of torch 2.13.0+cu130 needs"


def test_a_machine_without_gpus_is_a_note_where_the_policy_needs_none() -> None:
    assert [line(toy(), NONE, check).status for check in ("driver", "gpus")] == ["note", "note"]
    wanted = [line(toy("policy.device=cuda"), NONE, check) for check in ("driver", "gpus")]
    assert [found.status for found in wanted] == ["failed", "failed"]
    assert wanted[1].fix == "install a torch with CUDA: docs/install.md"


def test_fewer_gpus_than_the_recipe_counts(full: Config) -> None:
    found = line(full, replace(EIGHT, gpus=EIGHT.gpus[:4]), "gpus")
    assert found.status == "failed"
    assert found.found.startswith("cluster.gpus_per_node=8, and torch can use 4 x NVIDIA H100")


def test_several_gpus_need_nccl(full: Config) -> None:
    assert line(full, replace(EIGHT, has_nccl=False), "nccl").status == "failed"
    assert "nccl" not in [result.check for result in examine(toy("policy.device=cuda"), replace(EIGHT, has_nccl=False))]


def test_shared_memory(full: Config) -> None:
    # at least a policy step for each of 1,024 episodes: 1,024 x 151,980 bytes = 0.14 GiB
    assert line(full, replace(EIGHT, shared_bytes=GIB), "shm").status == "ok"
    assert line(full, replace(EIGHT, shared_bytes=GIB - 1), "shm").status == "failed"
    # PPO: 64 x 64 x 151,980 = 0.58 GiB; with 4 times the environments 2.3 GiB, which do not fit in 2
    many = load_config("libero_10_ppo_openvlaoft", ["env.num_envs=256"])
    found = line(many, replace(EIGHT, shared_bytes=2 * GIB), "shm")
    assert (found.status, found.found) == (
        "note", "/dev/shm has 2.0 GiB; an iteration's observations take 2.3 GiB or more"
    )  # fmt: skip
    assert line(full, replace(EIGHT, shared_bytes=None), "shm").status == "note"
    assert "shm" not in [result.check for result in examine(toy(), EIGHT)]  # one process shares with nobody


def test_memory_of_this_machine_and_not_of_the_plan(full: Config) -> None:
    # 64 environments x 2.9e6 + 1,024 x 151,980 bytes = 0.17 + 0.14 GiB; plan.memory_per_node is 1e12
    assert line(full, replace(EIGHT, memory_bytes=GIB // 4), "memory").status == "failed"
    found = line(full, replace(EIGHT, memory_bytes=GIB), "memory")
    assert (found.status, found.found) == ("ok", "1.0 GiB; environments and observations need 0.3 GiB at least")


def test_disk(full: Config) -> None:
    # 7.54e9 weights x (4 published + 4 exact + 8 of AdamW's moments) = 112.4 GiB; 2 kept, the best, and one written
    assert checkpoint_bytes(full) == 7.54e9 * 16
    assert checkpoints_at_once(full) == 4
    for free, status in ((112, "failed"), (113, "note"), (449, "note"), (450, "ok")):
        assert line(full, replace(EIGHT, disk_free=free * GIB), "disk").status == status
    # adapters over bfloat16: 7.54e9 x (2 + 2)
    adapters = load_config("libero_10_ppo_openvlaoft", ["policy.kwargs.dtype=bfloat16"])
    assert checkpoint_bytes(adapters) == 7.54e9 * 4
    assert checkpoints_at_once(load_config("tiny_spatial_grpo", [])) == 2  # all are kept: 26 iterations, every 13
    assert checkpoint_bytes(toy()) is None


def test_this_machine(tmp_path: Path) -> None:
    import torch

    found = this_machine(toy(f"output_dir={tmp_path}/a/b"))
    assert found.disk_folder == tmp_path
    assert found.disk_free > 0
    assert len(found.gpus) == (torch.cuda.device_count() if torch.cuda.is_available() else 0)
    assert found.torch == torch.__version__
    assert found.memory_bytes is not None
