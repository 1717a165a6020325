"""LIBERO's official asset set from the Hub dataset that hf-libero 0.1.4 names: resumed, pinned, every file checked."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from libero_gym.assets.manifest import file_sha256, write_manifest
from libero_gym.cache_folder import cache_folder
from libero_gym.errors import AssetError

#: The Hub dataset of LIBERO's assets, as hf-libero 0.1.4 names it.
REPOSITORY = "lerobot/libero-assets"

logger = logging.getLogger("libero_gym")


def official_folder() -> Path:
    """Return where a download goes."""
    return cache_folder() / "assets" / "official"


def download_official(say: Callable[[str], None] | None = None) -> Path:
    """Fetch the official set into the cache; what an earlier try has left is used.

    Args:
        say: receives a line about each stage.

    Returns:
        The set's folder, which appears whole or not at all.

    Raises:
        AssetError: the Hub cannot be reached, or a file arrived with other bytes than the Hub has.
    """
    target = official_folder()
    partial = target.with_name("official.part")
    say = say or logger.info
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise AssetError("downloading LIBERO's assets needs huggingface_hub: pip install huggingface_hub") from error
    try:
        info = HfApi().dataset_info(REPOSITORY, files_metadata=True)
        say(f"downloading {REPOSITORY}, commit {info.sha}, into {target}")
        # Without files there would be a list of nothing to check against.
        if not info.siblings:
            raise AssetError(f"the Hub dataset {REPOSITORY} has no files")
        snapshot_download(repo_id=REPOSITORY, repo_type="dataset", revision=info.sha, local_dir=partial)
    except AssetError:
        raise
    except Exception as error:  # the Hub client raises many unrelated classes
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise AssetError(
            f"downloading LIBERO's assets failed ({type(error).__name__}: {reason}); try again (what has arrived is "
            "kept), or use a folder that has them (`libero-gym assets use FOLDER`), or assets='builtin'"
        ) from error
    say(f"checking {len(info.siblings)} files")
    wrong = [item.rfilename for item in info.siblings if not _is_as_published(partial / item.rfilename, item)]
    if wrong:
        for name in wrong:
            (partial / name).unlink(missing_ok=True)
        # The client's notes say that the files are there; without them it fetches them again.
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        raise AssetError(
            f"{len(wrong)} of {len(info.siblings)} files arrived with other bytes than the Hub has, the first is "
            f"{wrong[0]}; they were removed: run `libero-gym assets download` again"
        )
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    write_manifest(partial, "official", f"hub:{REPOSITORY}@{info.sha}")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def _is_as_published(path: Path, item: Any) -> bool:
    """Check a file: a large one by SHA-256, another by git's own hash, which is all that the Hub has of it."""
    if not path.is_file():
        return False
    if item.lfs is not None:
        return file_sha256(path) == item.lfs.sha256
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == item.blob_id
