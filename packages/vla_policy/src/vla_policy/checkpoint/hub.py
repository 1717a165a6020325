"""Find a checkpoint's folder: on this machine, or a repository of the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

from vla_policy.checkpoint.options import HubOptions
from vla_policy.errors import CheckpointError, ConfigError

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.json", "*.safetensors", "*.pt", "tokenizer.model", "*.py", "*.jinja", "*.md", "*.txt", "LICENSE*"]


def resolve_folder(path: str | os.PathLike[str], hub: HubOptions | None = None) -> Path:
    """Return the folder itself, or the snapshot of a repository ("owner/name"), downloaded if it is not here.

    Raises:
        CheckpointError: neither, or the subfolder is not in it.
        ConfigError: a revision of a folder, which has none.
    """
    hub = hub or HubOptions()
    found = Path(path)
    if not found.is_dir():
        found = _download(os.fspath(path), hub)
    elif hub.revision is not None:
        raise ConfigError(
            f"revision={hub.revision!r} chooses a version of a Hub repository, but {os.fspath(path)!r} is a folder here"
        )
    if hub.subfolder and not (found / hub.subfolder).is_dir():
        raise CheckpointError(f"checkpoint {os.fspath(path)!r} has no folder {hub.subfolder!r}")
    return found / hub.subfolder


def _download(repository: str, hub: HubOptions) -> Path:
    if not _REPOSITORY.fullmatch(repository):
        raise CheckpointError(f"checkpoint {repository!r} is neither a folder nor a repository 'owner/name'")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    fetch = partial(
        snapshot_download,
        repository,
        revision=hub.revision,
        token=hub.token,
        cache_dir=None if hub.cache_dir is None else Path(hub.cache_dir),
        local_files_only=hub.local_files_only,
    )
    prefix = f"{hub.subfolder.strip('/')}/" if hub.subfolder else ""
    patterns = [prefix + pattern for pattern in _HUB_FILES]
    try:
        found = Path(fetch(allow_patterns=patterns))
        if not any((found / hub.subfolder).rglob("*.safetensors")):
            found = Path(fetch(allow_patterns=[*patterns, f"{prefix}*.bin"]))
        return found
    except (RepositoryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        version = "" if hub.revision is None else f" at revision {hub.revision!r}"
        raise CheckpointError(
            f"checkpoint {repository!r}{version} is no folder here, and the Hub did not give it: {error}"
        ) from error


def check_repository(repository: str) -> None:
    """Raise ConfigError unless it is an "owner/name"."""
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository):
        raise ConfigError(f"push_to_hub: repository {repository!r}; 'owner/name' is needed")


def upload_folder(
    folder: Path, repository: str, *, private: bool | None, token: str | bool | None, revision: str | None, message: str
) -> str:
    """Upload a folder as a repository of the Hub, made where there is none; return the address of the commit.

    Raises:
        CheckpointError: the Hub does not take it; the message has its reason.
    """
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repository, branch=revision, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, folder_path=folder, revision=revision, commit_message=message)
    except Exception as error:  # the Hub's answers, the network's and the disk's failures have unrelated classes
        reason = " ".join(str(error).split())
        raise CheckpointError(f"push_to_hub: the Hub did not take {repository!r}: {reason}") from error
    return str(commit.commit_url)
