"""What takes processes of their own: downloads, because huggingface_hub reads variables once, and a load's memory."""

import os
import socket
from pathlib import Path

import pytest
import torch
from hub_server import COMMIT, hub
from prepared_process import PreparedProcess
from safetensors.torch import load_file

IMPORTS = ["torch", "timm", "vla_policy.pretrained", "huggingface_hub", "tokenizers"]


@pytest.fixture(scope="module")
def port():
    """Where the Hub of these tests is, when it is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def prepared(port, tmp_path_factory):
    """Forks a process for each program; huggingface_hub has read its variables."""
    folder = tmp_path_factory.mktemp("output")
    hub_of_tests = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "0"}
    with PreparedProcess(IMPORTS, folder, {**os.environ, **hub_of_tests}) as process:
        yield process


@pytest.fixture
def run(prepared, tmp_path):
    """Run a program's text with arguments."""

    def run_text(text, *arguments):
        program = tmp_path / "program.py"
        program.write_text(text)
        return prepared.run(program, arguments, os.environ)

    return run_text


@pytest.fixture
def folder(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "checkpoints" / "saved")
    return tmp_path / "checkpoints" / "saved"


def test_a_repository_comes_from_the_hub_once(run, port, folder):
    """A server that speaks the Hub's language, on this machine: huggingface_hub's own client downloads from it."""
    script = """
import sys
from vla_policy import OpenVLAOFTPolicy
print(sum(p.sum().item() for p in OpenVLAOFTPolicy.from_pretrained("lab/policy").parameters()))
"""
    with hub({"lab/policy": folder}, port=port) as (_, requests):
        runs = [run(script) for _ in range(2)]
        fetched = [path for path in requests if "/resolve/" in path and path.endswith(".safetensors")]
        assert [done.returncode for done in runs] == [0, 0], runs[0].stderr
        assert runs[0].stdout == runs[1].stdout
        assert 0 < len(fetched) <= 4  # each of two files requested and fetched, once
        absent = run(script.replace("lab/policy", "lab/nothing"))
        message = "CheckpointError: checkpoint 'lab/nothing' is no folder here, and the Hub did not give it"
        assert message in absent.stderr


def test_a_repository_by_revision_subfolder_token_and_cache(run, port, folder, tmp_path):
    """huggingface_hub's own client asks a server on this machine."""
    script = """
import sys
from vla_policy import OpenVLAOFTPolicy
policy = OpenVLAOFTPolicy.from_pretrained(
    "lab/runs", revision="v2", subfolder="saved", token="hf_not_a_real_one", cache_dir=sys.argv[1]
)
print(sorted(policy.model.source_files))
"""
    (folder / "modeling_prismatic.py").write_text("raise SystemExit(1)")
    (folder.parent / "other").mkdir()
    (folder.parent / "other" / "model.safetensors").write_bytes(b"not read")
    with hub({"lab/runs": folder.parent}, port=port) as (_, requests):
        done = run(script, tmp_path / "cache")
        assert done.returncode == 0, done.stderr
        kept = ["modeling_prismatic.py", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"]
        assert done.stdout.strip() == str(kept)
        assert any("/revision/v2" in path for path in requests)
        assert not any("other/" in path and "resolve" in path for path in requests)
        snapshot = tmp_path / "cache" / "models--lab--runs" / "snapshots" / COMMIT / "saved"
        assert (snapshot / "config.json").is_file()
    # the server is gone: what was fetched is enough
    again = script.replace('token="hf_not_a_real_one"', "local_files_only=True")
    done = run(again, tmp_path / "cache")
    assert done.returncode == 0, done.stderr


PEAK_OF_A_LOAD = """
import sys, threading, time
import torch
from vla_policy import OpenVLAOFTModel

torch.set_num_threads(1)

def anonymous():  # memory of the process's own; the mapped file's pages do not count
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024

OpenVLAOFTModel.from_pretrained(sys.argv[1])  # all that is imported or allocated once
before, peak, over = anonymous(), 0, threading.Event()

def watch():
    global peak
    while not over.wait(0.002):
        peak = max(peak, anonymous())

watcher = threading.Thread(target=watch)
watcher.start()
model = OpenVLAOFTModel.from_pretrained(sys.argv[2])
over.set()
watcher.join()
print((max(peak, anonymous()) - before) / sum(p.nbytes for p in model.parameters()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory as Linux shows it")
def test_loading_takes_one_copy_of_the_weights(run, build_tiny, tmp_path):
    build_tiny().save_pretrained(tmp_path / "small")
    large = build_tiny(width=768, depth=8, ffn_width=3072, heads=8)
    large.save_pretrained(tmp_path / "large")
    file = tmp_path / "large" / "model.safetensors"
    assert file.stat().st_size > 300e6
    copies = {}
    for kind in ("safetensors", "bin"):
        if kind == "bin":
            torch.save(load_file(file), tmp_path / "large" / "pytorch_model.bin")
            file.unlink()
        done = run(PEAK_OF_A_LOAD, tmp_path / "small", tmp_path / "large")
        assert done.returncode == 0, done.stderr
        copies[kind] = float(done.stdout)
    assert all(0.9 < found < 1.2 for found in copies.values()), copies
