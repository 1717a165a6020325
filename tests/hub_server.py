"""A small Hugging Face Hub on this machine: the requests of huggingface_hub's downloads, answered from folders."""

from __future__ import annotations

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
def hub(repositories: Mapping[str, Path], kind: str = "models", port: int = 0) -> Iterator[tuple[str, list[str]]]:
    """Serve folders as repositories until the block ends.

    Args:
        repositories: "owner/name" -> the folder with its files.
        kind: "models" or "datasets".
        port: of the address, 0 for any that is free.

    Yields:
        The address for `HF_ENDPOINT`, and the paths asked for so far.
    """
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(send_body=False)

        def do_GET(self) -> None:
            self._answer(send_body=True)

        def log_message(self, *args: object) -> None:
            pass

        def _answer(self, *, send_body: bool) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            requests.append(f"/{path}")
            for name, folder in repositories.items():
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
