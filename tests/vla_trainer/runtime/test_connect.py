"""What is said when the machines of a run are not there, and what its processes are told; Ray itself is not started."""

from __future__ import annotations

import sys
from typing import Any

import pytest

ray = pytest.importorskip("ray")

from vla_trainer.config.cluster import Cluster  # noqa: E402
from vla_trainer.errors import BackendError, MissingExtraError  # noqa: E402
from vla_trainer.runtime import connect  # noqa: E402
from vla_trainer.runtime.connect import Machines  # noqa: E402


class Group:
    """A placement group that is there or not."""

    def __init__(self, free: bool) -> None:
        self.free = free

    def wait(self, timeout_seconds: float) -> bool:
        return self.free


class FakeRay:
    """What `Machines` asks of Ray, and what it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.nodes: list[dict[str, Any]] = [node("10.0.0.1")]
        self.free = True
        self.table: dict[str, Any] = {"stats": {"scheduling_state": "PENDING"}, "bundles_to_node_id": {}}
        self.running = False
        self.begun: list[dict[str, Any]] = []
        self.reserved: list[tuple[list[dict[str, float]], str]] = []
        self.given_back = self.stopped = 0
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        monkeypatch.setattr(connect, "POLL_SECONDS", 0.001)
        for name, function in {
            "is_initialized": lambda: self.running,
            "init": self.init,
            "nodes": lambda: self.nodes,
            "shutdown": self.shutdown,
        }.items():
            monkeypatch.setattr(ray, name, function)
        monkeypatch.setattr(ray.util, "placement_group", self.placement_group)
        monkeypatch.setattr(ray.util, "placement_group_table", lambda group: self.table)
        monkeypatch.setattr(ray.util, "remove_placement_group", self.remove)

    def init(self, **options: Any) -> None:
        self.begun.append(options)
        if options.get("address") == "nowhere:1":
            raise ConnectionError("nobody answers")
        self.running = True

    def shutdown(self) -> None:
        self.running = False
        self.stopped += 1

    def placement_group(self, bundles: list[dict[str, float]], strategy: str) -> Group:
        self.reserved.append((bundles, strategy))
        return Group(self.free)

    def remove(self, group: Group) -> None:
        self.given_back += 1


def node(address: str, gpus: int = 0, alive: bool = True) -> dict[str, Any]:
    resources = {"CPU": 4.0} | ({"GPU": float(gpus)} if gpus else {})
    return {"NodeManagerAddress": address, "Alive": alive, "Resources": resources, "NodeID": address}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    return FakeRay(monkeypatch)


def cluster(**keys: Any) -> Cluster:
    return Cluster(**{"backend": "ray", "wait_seconds": 0.01, **keys})


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'ray is not installed; .*pip install "vla-trainer\[ray\]"'):
        Machines(cluster())


def test_several_machines_need_a_cluster(fake: FakeRay) -> None:
    with pytest.raises(BackendError, match=r"cluster.num_nodes=2, and no cluster is named; .*`ray start --head`"):
        Machines(cluster(num_nodes=2))
    assert fake.begun == []


def test_a_cluster_that_does_not_answer(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "cluster.address=nowhere:1: no Ray cluster there: nobody answers"
    with pytest.raises(BackendError, match=said):
        Machines(cluster(address="nowhere:1"))
    monkeypatch.setenv("RAY_ADDRESS", "nowhere:1")
    with pytest.raises(BackendError, match=said):
        Machines(cluster())


def test_which_ray_is_used(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    def address() -> str | None:
        """Of the cluster that was joined; "local": Ray was started here, whatever else runs on this machine."""
        return fake.begun[-1].get("address")

    Machines(cluster()).close()
    assert address() == "local"
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    Machines(cluster()).close()
    assert address() == "head:6379"
    Machines(cluster(address="auto")).close()  # the recipe's comes first
    assert address() == "auto"
    assert (len(fake.begun), fake.stopped, fake.given_back) == (3, 3, 3)
    # what runs in this process already is used, and goes on afterwards
    fake.running = True
    Machines(cluster()).close()
    assert (len(fake.begun), fake.stopped, fake.given_back) == (3, 3, 4)


def test_workers_make_no_environments_of_their_own(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    # under `uv run`, Ray would have each worker start by `uv run`, too; what it was imported with does not matter
    from ray._private import ray_constants

    # Ray before 2.47 has no such setting
    monkeypatch.setattr(ray_constants, "RAY_ENABLE_UV_RUN_RUNTIME_ENV", True, raising=False)
    Machines(cluster()).close()
    assert ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV is False


def test_nodes_that_do_not_come(fake: FakeRay) -> None:
    fake.nodes = [node("10.0.0.1"), node("10.0.0.2", alive=False)]
    with pytest.raises(BackendError) as caught:
        Machines(cluster(num_nodes=2, address="head:6379"))
    assert str(caught.value) == (
        "cluster.num_nodes=2, cluster.gpus_per_node=0: after 0.01 s 1 node(s) of that kind are there: "
        "10.0.0.1 (4 processors, 0 GPUs)"
    )
    assert fake.reserved == []
    assert fake.stopped == 1  # what was begun is ended


def test_nodes_with_too_few_gpus(fake: FakeRay) -> None:
    fake.nodes = [node("10.0.0.1", gpus=8), node("10.0.0.2", gpus=4)]
    with pytest.raises(BackendError, match=r"gpus_per_node=8: .* 1 node\(s\) of that kind .*10.0.0.2 \(4 .*, 4 GPUs\)"):
        Machines(cluster(num_nodes=2, gpus_per_node=8, address="head:6379"))


def test_nodes_may_come_later(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def nodes() -> list[dict[str, Any]]:
        looked.append(1)
        return [node("10.0.0.1")] if len(looked) < 3 else [node("10.0.0.1"), node("10.0.0.2")]

    monkeypatch.setattr(ray, "nodes", nodes)
    machines = Machines(cluster(num_nodes=2, address="head:6379", wait_seconds=60))
    assert len(looked) == 3
    assert not machines.real_gpus
    assert fake.reserved == [([{"CPU": 1}, {"CPU": 1}], "STRICT_SPREAD")]


def test_nodes_that_another_run_has(fake: FakeRay) -> None:
    fake.nodes, fake.free = [node("10.0.0.1", gpus=8)], False
    with pytest.raises(BackendError, match=r"1 node\(s\) with a free processor and 4 free GPUs .*\(PENDING\)"):
        Machines(cluster(gpus_per_node=4))
    assert fake.given_back == fake.stopped == 1


def test_gpus_that_are_there_are_shown_to_their_process(fake: FakeRay) -> None:
    fake.nodes = [node("10.0.0.1", gpus=8)]
    machines = Machines(cluster(gpus_per_node=8))
    assert machines.real_gpus
    assert fake.reserved == [([{"CPU": 1, "GPU": 8}], "STRICT_PACK")]
    told = machines.options(0, (6, 7), {"OMP_NUM_THREADS": "1"})
    variables = told["runtime_env"]["env_vars"]
    assert variables["CUDA_VISIBLE_DEVICES"] == "6,7"
    assert variables["OMP_NUM_THREADS"] == "1"
    assert told["max_restarts"] == 0
    assert told["scheduling_strategy"].placement_group_bundle_index == 0
    # a process on processors sees none
    variables = machines.options(0, (), {})["runtime_env"]["env_vars"]
    assert variables["CUDA_VISIBLE_DEVICES"] == ""


def test_gpus_that_are_not_there_are_names(fake: FakeRay) -> None:
    machines = Machines(cluster(gpus_per_node=8))
    assert not machines.real_gpus
    # a machine may have GPUs that Ray does not count: no process may compute on the first of them unasked
    assert machines.options(0, (6, 7), {})["runtime_env"]["env_vars"]["CUDA_VISIBLE_DEVICES"] == ""


def test_variables_that_reach_all_machines(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_ASSETS", "builtin")
    monkeypatch.setenv("MY_NAME", "1")
    monkeypatch.setenv("my_name", "2")
    variables = Machines(cluster(), ["TOY_*"]).options(0, (), {})["runtime_env"]["env_vars"]
    assert variables["TOY_ASSETS"] == "builtin"
    assert "MY_NAME" not in variables
    variables = Machines(cluster(forward_env=["MY_*"])).options(0, (), {})["runtime_env"]["env_vars"]
    assert variables["MY_NAME"] == "1"
    assert "my_name" not in variables
    assert "TOY_ASSETS" not in variables


def test_variables_of_torch_and_cuda_reach_all_machines(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {
        "NCCL_SOCKET_IFNAME": "eth0",
        "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "CUDA_LAUNCH_BLOCKING": "1",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")  # of this process
    variables = Machines(cluster()).options(0, (), {})["runtime_env"]["env_vars"]
    assert chosen.items() <= variables.items()
    assert variables["CUDA_VISIBLE_DEVICES"] == ""  # the placement's


def test_secrets_are_not_forwarded_by_any_pattern(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "X_SECRET"]
    for name in kept:
        monkeypatch.setenv(name, "planted")
    monkeypatch.setenv("HF_TOKEN_PATH", "/shared/token")  # says where it is
    for patterns in (["*"], ["HF_*", "AWS_*", "WANDB_*"]):
        variables = Machines(cluster(forward_env=patterns)).options(0, (), {})["runtime_env"]["env_vars"]
        assert variables["HF_TOKEN_PATH"] == "/shared/token"
        assert "planted" not in variables.values()
    with pytest.raises(ValueError, match="HF_TOKEN looks like a secret"):
        cluster(forward_env=["NCCL_*", "HF_TOKEN"])


def test_which_node_is_which(fake: FakeRay) -> None:
    fake.nodes = [node("10.0.0.1"), node("10.0.0.2")]
    fake.nodes[1]["Resources"]["CPU"] = 96.0
    placed = {"bundles_to_node_id": {0: "10.0.0.2", 1: "10.0.0.1"}}  # as Ray chose
    fake.table |= placed
    machines = Machines(cluster(num_nodes=2, address="head:6379"))
    assert [machines.cores(0), machines.cores(1)] == [96, 4]
    assert not machines.lost(0)
    fake.nodes[1]["Alive"] = False
    assert [machines.lost(0), machines.lost(1)] == [True, False]
