"""Downloading the official set from a server that speaks the parts of the Hub's protocol that its client uses.

The server is a real one on a local port, reached through HF_ENDPOINT; its dataset is a copy of the built-in set.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from libero_gym.assets import resolve_assets
from libero_gym.assets.download import REPOSITORY
from libero_gym.assets.manifest import MANIFEST, content_digest, read_manifest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """One dataset. Files above 10 kB count as large ones (LFS), as on the Hub, where they have a SHA-256."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.repository = REPOSITORY
        self.cut: str | None = None  # a file whose connection breaks off in the middle, once
        self.spoilt: str | None = None  # a file that is sent with other bytes of the same number
        self.sent: list[tuple[str, int]] = []  # path, first byte
        self.files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    def entry(self, path: str) -> dict[str, object]:
        data = (self.folder / path).read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry: dict[str, object] = {"size": len(data), "oid": blob, "blobId": blob}
        if len(data) > 10_000:
            sha256 = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"sha256": sha256, "oid": sha256, "size": len(data), "pointerSize": 130}
        return entry


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        place = unquote(self.path.partition("?")[0])
        hub = self.server
        repository = hub.repository
        if place in (f"/api/datasets/{repository}", *(f"/api/datasets/{repository}/revision/{r}" for r in (COMMIT,))):
            siblings = [{"rfilename": path, **hub.entry(path)} for path in hub.files]
            self._json({"id": repository, "sha": COMMIT, "siblings": siblings})
        elif place.startswith(f"/api/datasets/{repository}/tree/{COMMIT}"):
            self._json([{"type": "file", "path": path, **hub.entry(path)} for path in hub.files])
        elif place.startswith(f"/datasets/{repository}/resolve/{COMMIT}/"):
            self._file(place.partition(f"/resolve/{COMMIT}/")[2])
        else:
            self.send_error(404)

    def _json(self, tree: object) -> None:
        body = json.dumps(tree).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, path: str) -> None:
        hub = self.server
        data, entry = (hub.folder / path).read_bytes(), hub.entry(path)
        large = entry.get("lfs")
        etag = large["sha256"] if isinstance(large, dict) else str(entry["oid"])
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if path == hub.spoilt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(206 if first else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        if self.command == "HEAD":
            return
        hub.sent.append((path, first))
        if path == hub.cut:
            self.wfile.write(data[first : len(data) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(data[first:])


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tmp_path / "published"
    shutil.copytree(resolve_assets("builtin").folder, folder, ignore=shutil.ignore_patterns(MANIFEST))
    (folder / "LICENSE").write_text("free")
    # git keeps no empty folders, and LIBERO's layout has this one.
    (folder / "turbosquid_objects" / "note.txt").write_text("nothing here")
    server = Hub(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def download(hub: Hub, tmp_path: Path, not_installed: str):
    """Run `libero-gym assets ...` against the server, with a cache and a home of its own."""

    def run(*arguments: str, endpoint: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HF_ENDPOINT": endpoint or f"http://127.0.0.1:{hub.server_port}",
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DOWNLOAD_TIMEOUT": "5",
            "HOME": str(tmp_path / "home"),
            "LIBERO_GYM_CACHE": str(tmp_path / "cache"),
            "PYTHONPATH": not_installed,
        }
        for name in (
            "LIBERO_GYM_ASSETS",
            "HF_HUB_OFFLINE",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
            "ALL_PROXY",
        ):
            environment.pop(name, None)
        command = [str(Path(sys.executable).parent / "libero-gym"), "assets", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_download_is_whole_recorded_and_then_used(hub, download, tmp_path):
    done = download("download")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "cache" / "assets" / "official"
    assert done.stdout == f"written: {folder}\n"
    assert f"commit {COMMIT}" in done.stderr
    for path in hub.files:
        assert (folder / path).read_bytes() == (hub.folder / path).read_bytes()
    manifest = read_manifest(folder)
    assert manifest is not None
    assert (manifest.name, manifest.origin) == ("official", f"hub:{REPOSITORY}@{COMMIT}")
    assert sorted(manifest.files) == hub.files
    assert not (folder / ".cache").exists()

    status = json.loads(download("status", "--json").stdout)
    # this dataset has the layout, but not the files of LIBERO's repository
    version = content_digest(hub.folder)[:12]
    assert (status["uses"], status["name"], status["damaged"]) == ("official", f"hub-{version}", [])
    assert status["version"] == version
    assert "whole" in download("verify", "official").stdout
    assert "already there" in download("download").stdout


def test_a_file_with_other_bytes_is_refused_and_fetched_again(hub, download, tmp_path):
    small = next(path for path in hub.files if path.endswith(".xml") and "lfs" not in hub.entry(path))
    hub.spoilt = small
    done = download("download")
    assert done.returncode == 2
    assert f"AssetError: 1 of {len(hub.files)} files arrived with other bytes" in done.stderr
    assert small in done.stderr
    assert not (tmp_path / "cache" / "assets" / "official").exists()
    hub.spoilt = None
    assert download("download").returncode == 0


def test_a_broken_off_download_goes_on(hub, download):
    large = max(hub.files, key=lambda path: (hub.folder / path).stat().st_size)
    hub.cut = large
    done = download("download")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("AssetError: downloading LIBERO's assets failed")
    hub.cut, hub.sent = None, []
    assert download("download").returncode == 0
    # What had arrived is not asked for again.
    assert {path for path, _ in hub.sent} < set(hub.files)


def test_no_hub_at_all_is_one_line(download):
    done = download("download", endpoint="http://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr.startswith("AssetError: downloading LIBERO's assets failed (")
    assert "libero-gym assets use FOLDER" in done.stderr
    assert done.stderr.count("\n") == 1
