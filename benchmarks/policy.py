"""OpenVLA-OFT's `act` and `evaluate`: `python benchmarks/policy.py [--json FILE]`.

On the CPU, a network of 108 million parameters with the published structure, against two others in turn, A B C A B C:

    bound        the same trunks' and the same Llama's own forward on the same batch, and nothing else
    plain        what a straightforward port does: float pixels kept, logits of the whole vocabulary at every position,
                 a mask, one sample at a time

On a GPU, where there is one (`--device cuda`): the published 7B in bfloat16 with random weights; chunks a second, share
of the GPU's peak, memory.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compact_json import write_json
from rich.console import Console
from rich.table import Table
from torch import Tensor

from vla_policy import OpenVLAOFTModel, OpenVLAOFTPolicy
from vla_policy.action_stats import identity_stats
from vla_policy.distribution import ActionTokenDistribution
from vla_policy.model.config import LlamaSizes, OpenVLAOFTConfig, TrunkSizes
from vla_policy.policy_config import PolicyConfig
from vla_policy.preprocess import normalize
from vla_policy.prompt import toy_tokenizer
from vla_policy.value_head import ValueHeadConfig

SENTENCES = (
    "pick up the black bowl between the plate and the ramekin and place it on the plate",
    "turn on the stove",
    "open the middle drawer of the cabinet",
    "put the wine bottle on top of the cabinet",
)
TEMPERATURE = 1.6
#: Dense bfloat16 TFLOP/s that makers state.
PEAKS = {"H200": 989.0, "H100": 989.0, "A100": 312.0}


def medium() -> OpenVLAOFTConfig:
    """108 million parameters, 70 of them run: two ViT-S, eight layers of width 512, Llama's vocabulary."""
    trunks = ("vit_small_patch14_reg4_dinov2.lvd142m", "vit_small_patch14_dinov2.lvd142m")
    text = LlamaSizes(
        hidden_size=512, intermediate_size=1536, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=8
    )
    return OpenVLAOFTConfig(text=text, trunks=tuple(TrunkSizes(name, 224) for name in trunks))


def published() -> OpenVLAOFTConfig:
    """The 7B of the published checkpoints."""
    trunks = ("vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224")
    return OpenVLAOFTConfig(text=LlamaSizes(), trunks=tuple(TrunkSizes(name, 224) for name in trunks))


def build(config: OpenVLAOFTConfig, device: str, dtype: torch.dtype) -> OpenVLAOFTPolicy:
    """A policy with random weights."""
    torch.manual_seed(0)
    with torch.device("meta"):
        model = OpenVLAOFTModel(config)
    model = model.to(dtype).to_empty(device=device)  # never float32 on the device, which may be too small for it
    with torch.no_grad():
        for weight in [*model.parameters(), *model.buffers()]:
            weight.copy_(torch.randn(weight.shape, device=device, dtype=dtype) * 0.02)
    model.source_config = {"norm_stats": {"libero": identity_stats(config.action_dim)}}
    around = PolicyConfig(value_head=ValueHeadConfig(), gripper="none")
    return OpenVLAOFTPolicy(model, toy_tokenizer(), around).to(device)


def observations(count: int) -> dict[str, Any]:
    """A batch with prompts of different lengths."""
    images = np.random.default_rng(0).integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)
    return {"image": images, "instruction": [SENTENCES[i % len(SENTENCES)] for i in range(count)]}


class Bound:
    """The trunks and Llama alone, on the very tensors that the policy gives them."""

    def __init__(self, policy: OpenVLAOFTPolicy, inputs: dict[str, Tensor]) -> None:
        model, lengths = policy.model, inputs["prompt_length"]
        self._backbone, self._llama = model.vision_backbone, model.language_model.model
        self._pixels = normalize(inputs["images"].to(policy.device)).to(model.dtype)
        ids = inputs["input_ids"][:, : int(lengths.max())].to(policy.device)
        with torch.no_grad():
            padded = bool((lengths < lengths.max()).any())
            self._sequence = model._sequence(ids, lengths.to(policy.device), self._pixels, None, padded)

    def __call__(self) -> None:
        self._backbone(self._pixels)
        self._llama(*self._sequence)


def plain_scores(policy: OpenVLAOFTPolicy, floats: Tensor, inputs: dict[str, Tensor]) -> Tensor:
    """Log-probs of the action ids as a straightforward port computes them."""
    model, rows = policy.model, []
    for i in range(len(floats)):
        length = inputs["prompt_length"][i : i + 1]
        ids = inputs["input_ids"][i : i + 1, : int(length)]
        embeddings, _, queries = model._sequence(ids, length, floats[i : i + 1], None, padded=False)
        every = torch.arange(embeddings.shape[1])[None]
        hidden = model.language_model.model(embeddings, torch.ones_like(every, dtype=torch.bool), every)
        logits = model.language_model.lm_head(hidden).float().log_softmax(-1)
        rows.append(logits[0, queries[0]])
    return torch.stack(rows)


def timed(job: Callable[[], object], device: str) -> float:
    """Seconds that a job takes."""
    begin = time.perf_counter()
    job()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def in_turn(jobs: dict[str, Callable[[], object]], rounds: int, device: str) -> dict[str, list[float]]:
    """Seconds of each job, measured one after another in every round; the first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            seconds = timed(job, device)
            if turn:
                times[name].append(seconds)
    return times


def ratio(times: dict[str, list[float]], one: str, other: str) -> dict[str, float]:
    """Median, least and largest of the rounds' ratios."""
    values = [a / b for a, b in zip(times[one], times[other], strict=True)]
    return {"median": statistics.median(values), "least": min(values), "largest": max(values)}


def record_bytes(policy: OpenVLAOFTPolicy) -> int:
    """What a trainer keeps of one decision: inputs, tokens, log-probs, value."""
    output = policy.act(observations(1))
    assert output.values is not None
    return sum(t.nbytes for t in (*output.inputs.values(), output.tokens, output.log_probs, output.values))


def measure_cpu(batch: int, rounds: int) -> dict[str, Any]:
    policy = build(medium(), "cpu", torch.float32)
    observation = observations(batch)
    output = policy.act(observation)
    bound = Bound(policy, output.inputs)
    first = policy.action_tokenizer.first_id
    floats = normalize(output.inputs["images"])

    def act() -> None:
        policy.act(observation, temperature=TEMPERATURE)

    def plain_act() -> None:
        with torch.no_grad():
            pixels = normalize(policy.observe(observation)["images"])
            scores = plain_scores(policy, pixels, output.inputs)
            ActionTokenDistribution(scores[..., first : first + 256], TEMPERATURE).sample()

    def bound_act() -> None:
        with torch.no_grad():
            bound()

    def evaluate() -> None:
        policy.evaluate(output.inputs, output.tokens, TEMPERATURE)

    def plain_evaluate() -> None:
        plain_scores(policy, floats, output.inputs).gather(-1, output.tokens[..., None])

    acting = in_turn({"bound": bound_act, "act": act, "plain": plain_act}, rounds, "cpu")
    scoring = in_turn({"bound": bound, "evaluate": evaluate, "plain": plain_evaluate}, rounds, "cpu")
    return {
        "parameters": sum(p.numel() for p in policy.model.parameters()),
        "batch": batch,
        "threads": torch.get_num_threads(),
        "act_over_bound": ratio(acting, "act", "bound"),
        "evaluate_over_bound": ratio(scoring, "evaluate", "bound"),
        "plain_over_act": ratio(acting, "plain", "act"),
        "plain_over_evaluate": ratio(scoring, "plain", "evaluate"),
        "act_chunks_per_second": batch / statistics.median(acting["act"]),
        "evaluate_chunks_per_second": batch / statistics.median(scoring["evaluate"]),
        "record_bytes": record_bytes(policy),
    }


def forward_flop(policy: OpenVLAOFTPolicy, inputs: dict[str, Tensor]) -> float:
    """Floating-point operations of one forward pass, counted by torch."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        policy.evaluate(inputs, torch.full((len(inputs["images"]), 56), policy.action_tokenizer.first_id))
    return float(counter.get_total_flops())


def measure_gpu(batch: int, rounds: int) -> dict[str, Any]:
    name = torch.cuda.get_device_name()
    peak = next((value for key, value in PEAKS.items() if key in name), None)
    policy = build(published(), "cuda", torch.bfloat16)
    observation = observations(batch)
    output = policy.act(observation)
    flop = forward_flop(policy, output.inputs)
    figures: dict[str, Any] = {"device": name, "peak_tflops": peak, "batch": batch, "forward_tflop": flop / 1e12}
    for compiled in (False, True):
        if compiled:
            policy.model.compile()
        bound = Bound(policy, output.inputs)
        jobs: dict[str, Callable[[], object]] = {
            "act": lambda: policy.act(observation, temperature=TEMPERATURE),
            "network": torch.no_grad()(lambda: policy.evaluate(output.inputs, output.tokens, TEMPERATURE)),
            "bound": torch.no_grad()(bound),
        }
        torch.cuda.reset_peak_memory_stats()
        times = in_turn(jobs, rounds, "cuda")
        seconds = {key: statistics.median(values) for key, values in times.items()}
        figures["compiled" if compiled else "eager"] = {
            **{f"{key}_chunks_per_second": batch / value for key, value in seconds.items()},
            "network_share_of_peak": None if peak is None else flop / seconds["network"] / (peak * 1e12),
            "act_over_bound": ratio(times, "act", "bound"),
            "memory_gib": torch.cuda.max_memory_allocated() / 2**30,
        }
    return figures


def report(figures: dict[str, Any], console: Console) -> None:
    table = Table(
        "figure", "measured", "bar", title=f"OpenVLA-OFT, {figures['parameters'] / 1e6:.0f} M parameters, CPU"
    )
    for key, label, bar in (
        ("act_over_bound", "act, times the trunks' and Llama's own forward", "<= 1.1"),
        ("evaluate_over_bound", "evaluate, times the same", "<= 1.15"),
        ("plain_over_act", "a straightforward act, times ours", ""),
        ("plain_over_evaluate", "a straightforward evaluate, times ours", ""),
    ):
        value = figures[key]
        table.add_row(label, f"{value['median']:.3f} ({value['least']:.3f} to {value['largest']:.3f})", bar)
    table.add_row("bytes of a decision, one 224 px image", f"{figures['record_bytes']:,}", "<= 160,000")
    table.add_row("act, chunks a second", f"{figures['act_chunks_per_second']:.2f}", "")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, help="samples in a batch; 4, on a GPU 32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args()
    console = Console(width=120)
    if given.device == "cuda":
        figures = measure_gpu(given.batch or 32, given.rounds)
        console.print_json(data=figures)
    else:
        figures = measure_cpu(given.batch or 4, given.rounds)
        report(figures, console)
    figures |= {"machine": platform.processor() or platform.machine(), "torch": torch.__version__}
    if given.json:
        write_json(given.json, figures)


if __name__ == "__main__":
    main()
