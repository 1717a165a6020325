"""A small Hugging Face Hub on this machine: huggingface_hub's downloads, answered from folders, and its uploads.

An upload goes as on the Hub: `repos/create`, `preupload` (which files are large), Git LFS's batch request and a PUT for
each large file, then one commit, whose large files must have arrived whole.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(
    repositories: Mapping[str, Path], kind: str = "models", port: int = 0, uploads: Path | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Serve folders as repositories until the block ends.

    Args:
        repositories: "owner/name" -> the folder with its files.
        kind: "models" or "datasets".
        port: of the address, 0 for any that is free.
        uploads: where repositories that are made lie, as owner/name; None: the Hub takes nothing.

    Yields:
        The address for `HF_ENDPOINT`, and the paths asked for so far.
    """
    requests: list[str] = []
    served = dict(repositories)
    stored: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(send_body=False)

        def do_GET(self) -> None:
            self._answer(send_body=True)

        def do_POST(self) -> None:
            path, body = self._begin_write()
            if uploads is None or not self.headers.get("Authorization", "").startswith("Bearer hf_"):
                return self._send(401, b"", {}, True)
            if path == "api/validate-yaml":
                whole = json.loads(body)["content"].startswith("---\n")
                return self._json({"errors": [] if whole else [{"message": "no metadata"}], "warnings": []}, True)
            if path == "api/repos/create":
                made = json.loads(body)
                name = f"{made['organization']}/{made['name']}"
                if name in served:
                    return self._send(409, b"", {}, True)
                served[name] = uploads / name
                served[name].mkdir(parents=True)
                return self._json({"url": f"{self._here}/{name}", "name": name}, True)
            for name, folder in served.items():
                if path.startswith(f"api/{kind}/{name}/branch/"):
                    return self._json({}, True)
                if path.startswith(f"api/{kind}/{name}/preupload/"):
                    files = [_upload_mode(file["path"]) for file in json.loads(body)["files"]]
                    return self._json({"files": files}, True)
                if path == f"{name}.git/info/lfs/objects/batch":
                    objects = [self._upload_action(item) for item in json.loads(body)["objects"]]
                    return self._json({"transfer": "basic", "objects": objects}, True)
                if path.startswith(f"api/{kind}/{name}/commit/"):
                    _commit(folder, [json.loads(line) for line in body.splitlines()], stored)
                    answer = {"success": True, "commitOid": COMMIT, "commitUrl": f"{self._here}/{name}/commit/{COMMIT}"}
                    return self._json(answer, True)
            return self._missing("RepoNotFound")

        def do_PUT(self) -> None:
            path, body = self._begin_write()
            if path != f"lfs/{_digest(body)}":
                return self._send(400, b"", {}, True)
            stored[_digest(body)] = body
            return self._send(200, b"", {"ETag": '"1"'}, True)

        def _begin_write(self) -> tuple[str, bytes]:
            path = unquote(urlsplit(self.path).path).strip("/")
            requests.append(f"/{path}")
            return path, self.rfile.read(int(self.headers.get("Content-Length", 0)))

        @property
        def _here(self) -> str:
            return f"http://127.0.0.1:{self.server.server_address[1]}"

        def _upload_action(self, item: Mapping[str, object]) -> dict[str, object]:
            return {**item, "actions": {"upload": {"href": f"{self._here}/lfs/{item['oid']}"}}}

        def log_message(self, *args: object) -> None:
            pass

        def _answer(self, *, send_body: bool) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            requests.append(f"/{path}")
            for name, folder in served.items():
                if path.startswith(f"api/{kind}/{name}/revision/") or path == f"api/{kind}/{name}":
                    return self._json(_description(name, folder), send_body)
                if path.startswith(f"api/{kind}/{name}/tree/"):
                    return self._json(_tree(folder), send_body)
                stem = f"{'' if kind == 'models' else f'{kind}/'}{name}/resolve/"
                if path.startswith(stem):
                    return self._file(folder / path.removeprefix(stem).partition("/")[2], send_body)
            return self._missing("RepoNotFound")

        def _json(self, value: object, send_body: bool) -> None:
            self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"}, send_body)

        def _missing(self, code: str) -> None:
            self._send(404, b"", {"X-Error-Code": code}, True)

        def _file(self, file: Path, send_body: bool) -> None:
            if not file.is_file():
                return self._missing("EntryNotFound")
            body = file.read_bytes()
            status, headers = 200, {"X-Repo-Commit": COMMIT, "ETag": f'"{_digest(body)}"', "Accept-Ranges": "bytes"}
            if wanted := self.headers.get("Range"):  # a broken-off download goes on
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                status, body = 206, body[start:]
            return self._send(status, body, headers, send_body)

        def _send(self, status: int, body: bytes, headers: Mapping[str, str], send_body: bool) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if send_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _description(name: str, folder: Path) -> dict[str, object]:
    siblings = [{"rfilename": path.relative_to(folder).as_posix()} for path in _files(folder)]
    return {"id": name, "sha": COMMIT, "siblings": siblings, "private": False, "gated": False, "disabled": False}


def _tree(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for path in _files(folder):
        body = path.read_bytes()
        lfs = {"oid": _digest(body), "size": len(body), "pointerSize": 130}
        name = path.relative_to(folder).as_posix()
        rows.append({"type": "file", "path": name, "size": len(body), "oid": _digest(body)[:40], "lfs": lfs})
    return rows


def _upload_mode(path: str) -> dict[str, object]:
    """As the Hub's `.gitattributes` have it: weights go by Git LFS."""
    large = path.endswith((".safetensors", ".pt", ".bin", ".model"))
    return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}


def _commit(folder: Path, lines: list[dict[str, dict[str, str]]], stored: Mapping[str, bytes]) -> None:
    for line in lines[1:]:
        value = line["value"]
        target = folder / value["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        if line["key"] == "lfsFile":
            target.write_bytes(stored[value["oid"]])
        else:
            target.write_bytes(base64.b64decode(value["content"]))
