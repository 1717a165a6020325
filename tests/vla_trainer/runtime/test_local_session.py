"""Ray that a run starts for itself: nobody else reaches it, and no secret stands in its logs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")

from vla_trainer.config.cluster import Cluster  # noqa: E402
from vla_trainer.runtime.connect import Machines  # noqa: E402

PLANTED = "hf_planted_5d1c0a97"


class Asked:
    def env_spec(self) -> tuple[str | None, str | None, str]:
        return os.environ.get("HF_TOKEN"), os.environ.get("MY_NAME"), ray.util.get_node_ip_address()


@pytest.mark.slow
def test_it_listens_on_loopback_and_writes_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private import ray_constants
    from ray._private.worker import _global_node

    assert _global_node is None
    mine = psutil.Process()
    # of a cluster that an earlier test of this process made, which may still be ending
    earlier = {process.pid for process in mine.children(recursive=True)}
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("HF_TOKEN", PLANTED)
    monkeypatch.setenv("MY_NAME", "forwarded_5d1c0a97")
    clusters = ray_constants.ENABLE_RAY_CLUSTER
    machines = Machines(Cluster(backend="ray", forward_env=["HF_*", "MY_*"]))
    try:
        from ray._private.worker import _global_node as node

        session = Path(node.get_session_dir_path())
        worker: Any = ray.remote(Asked)
        handle = worker.options(**machines.options(0, (), {})).remote()
        # a process of the same machine has the token from its parents
        assert ray.get(handle.env_spec.remote()) == (PLANTED, "forwarded_5d1c0a97", "127.0.0.1")
        begun = [
            process
            for process in mine.children(recursive=True)
            if earlier.isdisjoint([process.pid, *(parent.pid for parent in process.parents())])
        ]
        listening = {
            f"{process.name()}: {connection.laddr.ip}"
            for process in [mine, *begun]
            for connection in process.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN
        }
    finally:
        machines.close()
    assert len(listening) >= 3
    assert {one for one in listening if not one.endswith("127.0.0.1")} == set()
    # a cluster can still be joined from this process
    assert clusters == ray_constants.ENABLE_RAY_CLUSTER
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in os.environ
    written = [path for path in session.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(b"forwarded_5d1c0a97" in path.read_bytes() for path in written)  # so what is forwarded is in the logs
    assert [str(path) for path in written if PLANTED.encode() in path.read_bytes()] == []
