"""What `--plan` computes of the published 7B, against a build of it: on torch's meta device, and on fake tensors.

A fake process group has eight ranks of which one is there: shards, gathered blocks and sums have their true sizes.
"""

from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from live_memory import LiveMemory
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils.flop_counter import FlopCounterMode

from vla_policy import OpenVLAOFTModel
from vla_policy.model.config import LlamaSizes, OpenVLAOFTConfig, TrunkSizes
from vla_policy.model.language import rotary_angles
from vla_trainer.config.load import load_config
from vla_trainer.config.schema import Config
from vla_trainer.placement import place
from vla_trainer.planner.flops import block_flops, forward_flops
from vla_trainer.planner.memory import block_weights, gpu_phases, weights_of
from vla_trainer.update.ranks import Ranks
from vla_trainer.update.sharding import blocks_of, shard

pytestmark = pytest.mark.slow

RANKS = 8
PROMPT = 38
ROWS = 32
TRUNKS = ("vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224")


def build(layers: int = 32, depth: int | None = None) -> OpenVLAOFTModel:
    """The published network on the meta device, or one with fewer blocks of the same sizes."""
    sizes = {} if depth is None else {"timm_args": {"depth": depth}}
    trunks = tuple(TrunkSizes(name, 224, **sizes) for name in TRUNKS)
    with torch.device("meta"):
        return OpenVLAOFTModel(OpenVLAOFTConfig(text=LlamaSizes(num_hidden_layers=layers), trunks=trunks))


class Decoding(nn.Module):
    """The network as a policy that is sharded; its forward pass is `evaluate` without checks of numbers."""

    def __init__(self, model: OpenVLAOFTModel) -> None:
        super().__init__()
        self.model = model

    def act(self) -> None:
        """Never called; sharding wraps it."""

    def evaluate(self) -> None:
        """Never called; sharding wraps it."""

    def forward(self, ids: Tensor, lengths: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        logits, _, _ = self.model.decode(ids, lengths, pixels, None, padded=False)
        log_probs = torch.log_softmax(logits / 1.6, -1)
        return log_probs[..., 0].clone(), -(log_probs.exp() * log_probs).sum(-1)


class OneOfEight(Ranks):
    """The first of eight ranks on the CPU; its mesh is made at once, as fake tensors have no numbers to make it of."""

    def __init__(self) -> None:
        super().__init__(dist.new_group(list(range(RANKS))), torch.device("cpu"))
        object.__setattr__(self, "_made", super().mesh())

    def mesh(self) -> object:
        return self._made


@pytest.fixture
def ranks() -> Iterator[OneOfEight]:
    dist.init_process_group("fake", rank=0, world_size=RANKS, store=FakeStore())
    yield OneOfEight()
    dist.destroy_process_group()


def recipe(*more: str) -> Config:
    return load_config("libero_10_grpo_openvlaoft", ["plan.model_bytes=null", *more])


def test_weights_shards_and_operations(ranks: OneOfEight) -> None:
    config = recipe()
    weights = weights_of(config)
    assert weights is not None
    policy = Decoding(build())
    assert weights.total == pytest.approx(sum(weight.numel() for weight in policy.parameters()), rel=1e-3)
    sizes = [sum(weight.numel() for weight in block.parameters()) for block in blocks_of(policy)]
    assert weights.in_blocks == pytest.approx(sum(sizes), rel=1e-3)
    assert weights.largest_block == max(sizes)
    # positions: 1 + 256 + 37 + 56 + 1 = 351
    inputs = torch.zeros(1, PROMPT, dtype=torch.int64, device="meta"), torch.zeros(1, dtype=torch.int64, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        policy(*inputs, torch.zeros(1, 6, 224, 224, device="meta"))
    assert forward_flops(config.plan) == pytest.approx(counter.get_total_flops(), rel=2e-3)

    shard(policy, ranks, blocks_in=torch.bfloat16, gradient_checkpointing=True)
    optimizer = torch.optim.AdamW([weight for weight in policy.parameters() if weight.requires_grad])
    for group in optimizer.param_groups:
        for weight in group["params"]:
            weight.grad = torch.empty_like(weight)
    optimizer.step()
    moments = [moment for state in optimizer.state.values() for moment in state.values() if moment.ndim]
    learning = {item.name: item.bytes for item in gpu_phases(config, weights, place(config))[-1].items}
    assert learning["weights, its share"] == pytest.approx(local_bytes(policy.parameters()), rel=0.05)
    assert learning["AdamW's two moments"] == pytest.approx(local_bytes(moments), rel=0.05)


def local_bytes(tensors: object) -> int:
    """Bytes that one rank has of sharded tensors."""
    local = [tensor.to_local() for tensor in tensors]  # type: ignore[attr-defined]
    return sum(tensor.numel() * tensor.element_size() for tensor in local)


def test_operations_of_a_block() -> None:
    language = recipe().plan.network[0]
    layer = build(layers=1, depth=2).language_model.model.layers[0].to(torch.bfloat16)
    assert block_weights(language) == sum(weight.numel() for weight in layer.parameters())
    cos, sin = rotary_angles(351, LlamaSizes(), torch.device("meta"), torch.bfloat16)
    counted = {}
    for recompute in (False, True, "selective"):
        layer.recompute = recompute
        x = torch.empty(1, 351, 4096, dtype=torch.bfloat16, device="meta", requires_grad=True)
        with FlopCounterMode(display=False) as counter:
            layer(x, cos, sin, None).sum().backward()
        counted[recompute] = counter.get_total_flops()
    assert counted[False] == counted["selective"]
    assert counted[False] == pytest.approx(3 * block_flops(language), rel=1e-3)
    assert counted[True] - counted[False] == pytest.approx(block_flops(language, again=True), rel=1e-3)


def test_peak_memory_of_learning(ranks: OneOfEight) -> None:
    # blocks of the true sizes, but four and three of them instead of 32, 23 and 26
    model = build(layers=4, depth=4)
    total = sum(weight.numel() for weight in model.parameters())
    stacks = [stack.model_copy(update={"blocks": 4 if stack.gated else 3}) for stack in recipe().plan.network]
    with FakeTensorMode():
        policy = Decoding(faked(model)).eval()
        shard(policy, ranks, blocks_in=torch.bfloat16, gradient_checkpointing=True)
        inputs = torch.zeros(ROWS, PROMPT, dtype=torch.int64), torch.zeros(ROWS, dtype=torch.int64)
        pixels = torch.zeros(ROWS, 6, 224, 224)
        for recompute in (False, True, "selective"):
            model.gradient_checkpointing_enable(recompute)
            policy.zero_grad(set_to_none=True)
            memory = LiveMemory()
            for weight in policy.parameters():
                memory.add(weight)
            with memory:
                with torch.autocast("cpu", torch.bfloat16):
                    log_probs, entropy = policy(*inputs, pixels)
                (log_probs.sum() + entropy.sum()).backward()
            config = recipe(f"policy.gradient_checkpointing={recompute}".lower(), f"actor.micro_batch_size={ROWS}")
            plan = config.plan.model_copy(update={"network": stacks, "parameters": float(total)})
            config = config.model_copy(update={"plan": plan})
            weights = weights_of(config)
            assert weights is not None
            learning = gpu_phases(config, weights, place(config))[-1]
            # there is no optimizer here, and gradients come one by one
            absent = sum(item.bytes for item in learning.items if "moments" in item.name or "gradients, " in item.name)
            assert learning.bytes - absent == pytest.approx(memory.peak, rel=0.05), recompute


def faked(model: OpenVLAOFTModel) -> OpenVLAOFTModel:
    """The same network with fake tensors on the CPU in the place of those on the meta device."""
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = nn.Parameter(torch.empty(weight.shape), requires_grad=weight.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype)
    return model
