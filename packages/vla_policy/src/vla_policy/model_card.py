"""Write the card of a policy for the Hugging Face Hub from what is recorded: facts, provenance, config, results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vla_policy.errors import ConfigError, clip

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

    from vla_policy.facts import Fact

File = str | os.PathLike[str]


@dataclass(frozen=True)
class CardContents:
    """What a card is made of besides the policy's facts."""

    repository: str
    """owner/name"""
    base: str | None = None
    """The checkpoint whose weights these began as."""
    dataset: str | None = None
    """What it was trained on."""
    license: str | None = None
    """As the Hub names it, for example "apache-2.0"; None: the card names none."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Where it was trained: environment, asset set, caveats, ..."""
    recipe: str | None = None
    """The config of the run, as text."""
    results: Sequence[Mapping[str, Any]] = ()
    """Contents of `eval.json` files."""


def make_card(facts: Sequence[Fact], contents: CardContents) -> ModelCard:
    """Return the card, its evaluation results as a `model-index`.

    Raises:
        ConfigError: a result has no environment or no success rate.
    """
    from huggingface_hub import ModelCard, ModelCardData

    evaluations = [eval_result(result) for result in contents.results]
    name = contents.repository.rpartition("/")[2]
    data = ModelCardData(
        model_name=name,
        license=contents.license,
        library_name="vla-policy",
        pipeline_tag="robotics",
        tags=["robotics", "vision-language-action", "openvla-oft"],
        base_model=contents.base if contents.base is not None and contents.base.count("/") == 1 else None,
        datasets=contents.dataset,
        eval_results=evaluations or None,
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{_text(name, facts, contents)}")


def eval_result(result: Mapping[str, Any]) -> EvalResult:
    """Return the contents of an `eval.json` as an entry of a `model-index`.

    Raises:
        ConfigError: it names no environment, or has no success rate.
    """
    from huggingface_hub import EvalResult

    env_id, rate = result.get("env_id"), result.get("success_rate")
    if not isinstance(env_id, str) or not isinstance(rate, (int, float)) or isinstance(rate, bool):
        raise ConfigError(f"a result needs env_id and success_rate, as eval.json has them; it has {clip(dict(result))}")
    return EvalResult(
        task_type="robotics",
        task_name=_setting(result),
        dataset_type=env_id,
        dataset_name=env_id,
        dataset_split=result.get("split"),
        metric_type="success_rate",
        metric_name="success rate",
        metric_value=round(float(rate), 4),
    )


def read_json_object(given: Mapping[str, Any] | File, what: str) -> dict[str, Any]:
    """Return a mapping, or what a JSON file holds.

    Raises:
        ConfigError: there is no such file, or no object in it.
    """
    if isinstance(given, Mapping):
        return dict(given)
    try:
        found = json.loads(Path(given).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{what} {os.fspath(given)!r} is no JSON file: {clip(str(error))}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{what} {os.fspath(given)!r} holds {clip(found)}; an object is needed")
    return found


def _text(name: str, facts: Sequence[Fact], contents: CardContents) -> str:
    parts = [f"# {name}", "An OpenVLA-OFT policy, written by `vla-policy`.", _usage(contents.repository)]
    if contents.results:
        rows = [_result_row(result) for result in contents.results]
        head = ("environment", "assets", "episodes", "success", "95% interval", "note")
        parts += ["## Evaluation", _table(head, rows)]
    parts += ["## Provenance"]
    source = {"base": contents.base, "dataset": contents.dataset, **contents.provenance}
    parts += [_table(("what", "value"), [(key, _plain(value)) for key, value in source.items() if value is not None])]
    known = [(fact["name"], _plain(fact["value"])) for fact in facts]
    parts += ["## How it acts", _table(("fact", "value"), known)]
    if contents.recipe is not None:
        fence = "```" if "```" not in contents.recipe else "~~~~"
        parts += ["## Recipe", f"{fence}yaml\n{contents.recipe.rstrip()}\n{fence}"]
    return "\n\n".join(parts) + "\n"


def _usage(repository: str) -> str:
    return "\n".join(
        [
            "```python",
            "from vla_policy import OpenVLAOFTPolicy",
            "",
            f'policy = OpenVLAOFTPolicy.from_pretrained("{repository}")',
            "policy.reset()",
            "action = policy.select_action(observation)  # of one environment, at each step",
            "```",
        ]
    )


def _setting(result: Mapping[str, Any]) -> str:
    assets = "" if result.get("assets") is None else f", assets {result['assets']}"
    decoding = "deterministic" if result.get("deterministic", True) else "sampled"
    return f"{result['env_id']}{assets}, {result.get('episodes', '?')} episodes, {decoding}"


def _result_row(result: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = result.get("interval") or (None, None)
    interval = "-" if low is None or high is None else f"{low:.1%} to {high:.1%}"
    split = "" if result.get("split") is None else f" ({result['split']})"
    count = f"{result.get('episodes', '-')}"
    note = result.get("heading") or ""
    assets = _plain(result.get("assets") or "-")
    return f"{result['env_id']}{split}", assets, count, f"{result['success_rate']:.1%}", interval, note


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
