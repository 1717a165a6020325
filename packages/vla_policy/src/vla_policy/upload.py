"""Upload a policy and its card to the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from vla_policy.checkpoint.hub import check_repository, upload_folder
from vla_policy.errors import ConfigError, clip
from vla_policy.facts import policy_facts, source_of
from vla_policy.model_card import CardContents, File, make_card, read_json_object

if TYPE_CHECKING:
    import torch

    from vla_policy.pretrained import PretrainedPolicy


def push(
    policy: PretrainedPolicy,
    repository: str,
    *,
    provenance: Mapping[str, Any] | File | None,
    recipe: File | None,
    results: Sequence[Mapping[str, Any] | File],
    dataset: str | None,
    license: str | None,
    private: bool | None,
    token: str | bool | None,
    revision: str | None,
    message: str,
    dtype: torch.dtype | None,
) -> str:
    """Write the policy and its card into a temporary folder and upload it; see `OpenVLAOFTPolicy.push_to_hub`."""
    check_repository(repository)
    contents = CardContents(
        repository=repository,
        base=source_of(policy),
        dataset=dataset,
        license=license,
        provenance={} if provenance is None else _filled(read_json_object(provenance, "provenance")),
        recipe=None if recipe is None else _text_of(recipe),
        results=[read_json_object(result, "result") for result in results],
    )
    card = make_card(policy_facts(policy), contents)
    with TemporaryDirectory() as name:
        folder = Path(name)
        policy.save_pretrained(folder, dtype=dtype)
        card.save(folder / "README.md")
        return upload_folder(folder, repository, private=private, token=token, revision=revision, message=message)


def _text_of(recipe: File) -> str:
    try:
        return Path(recipe).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"recipe {str(recipe)!r} cannot be read: {clip(str(error))}") from error


def _filled(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return the entries that say something."""
    return {key: value for key, value in provenance.items() if value not in (None, [], {}, "")}
