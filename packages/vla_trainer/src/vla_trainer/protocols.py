"""What the trainer asks of a policy and of a vector environment.

Axes: N environments, C actions a chunk, A action dimensions, K = C A tokens, B batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Observation: TypeAlias = Any
"""A batched Gymnasium observation: an array (N, ...), or a dict or tuple of them; texts are a sequence of N str."""


class EnvMetadata(TypedDict, total=False):
    """What the trainer reads of an environment's `metadata`, a plain dict; no key must be there.

    A constructor's keyword arguments are the keys of `env`; where it has `**kwargs`, a class attribute `env_class` may
    name the class whose arguments these are. Some arguments mean something to the trainer: `split` ("train", "eval" or
    "all") is chosen by it where a config does not; `task` is named in results; `action_chunk`, `image_size`, `cameras`
    and `workers` are used to estimate time and memory, `reward_scale` to check `algorithm.keep_mean_return`.
    """

    # of the class
    notices: Mapping[str, Mapping[Any, str]]
    """By argument and value, a sentence that every result under this value carries."""
    arguments_without_effect_on_states: Sequence[str]
    """Arguments that do not change where the same actions lead: running episodes outlast a change of them."""
    environment_variables: Sequence[str]
    """Patterns of variables that it reads, as "MY_ENV_*": its processes on all nodes get them."""
    device_argument: str
    """The argument that takes the GPU that images are rendered on, as "cuda:0": CUDA's number of it in the process
    that makes the environment. Processes of the backend `ray` choose it, where the config does not."""
    video_render_mode: str
    """The `render_mode` whose images a person can watch: evaluations are made with it, and their videos show what it
    renders instead of the images that the policy sees. A vector environment may have `render_env(index)`, which
    returns the image (H, W, 3) of one environment; else `render()` renders all."""
    protocols: Mapping[str, Mapping[str, Any]]
    """Name of a published evaluation loop to the arguments under which the environment reproduces it, for `vla-eval
    --protocol NAME`; None: the environment's default."""
    references: Mapping[str, str]
    """Name of a published result to the path of its card, JSON, for `vla-eval --explain RESULT NAME`."""
    # of what was made
    init_states: Mapping[int, int]
    """Task id to number of initial states, where `reset(options={"task": ..., "init_state": ...})` takes them."""
    assets: str
    """The set of meshes and textures that images are rendered from."""
    assets_version: str
    """What tells sets of one name apart."""
    benchmark_caveats: Sequence[str]
    """Why a result in this environment is not the published benchmark's; empty: it is."""
    saves_states: bool
    """Whether each environment has `save_state() -> bytes` and a reset with `options={"state": ...}` goes on from one,
    a value or None for each environment of a vector environment; `rollout.starts=curriculum` needs it."""
    renderer_attribute: str
    """Name of an attribute of each environment, read by `get_attr`: what renders its images (text), e.g. OpenGL's name
    of the GPU; None: nothing does. Reading it may begin to render."""
    image_flip: Literal["horizontal"] | None
    """How images of the observation are flipped to be shown to people."""
    render_fps: float
    """Steps in a second of the robot's time."""
    facts: Sequence[Mapping[str, Any]]
    """What decides what episodes show and how they end, for `vla-eval --explain`: `name` ("env.time_limit"), `value` of
    JSON, `weight` (points of success that a difference may cost) and `cause` (what it does). Results keep
    them."""
    variant_info: str
    """Key of `info`, of a reset or of an episode's last step, that holds the id of the variant (text) of an episode,
    where episodes differ in more than their initial states; evaluations count successes by it."""


class ActOutput(Protocol):
    """What `Policy.act` returns for N observations."""

    @property
    def actions(self) -> NDArray[np.floating]:
        """(N, C, A), in the environment's units."""

    @property
    def tokens(self) -> "Tensor":
        """(N, K): what was sampled; ids for a token policy, numbers for a Gaussian one."""

    @property
    def log_probs(self) -> "Tensor":
        """(N, K): log-probability of each token at the temperature that it was sampled at."""

    @property
    def values(self) -> "Tensor | None":
        """(N,): estimated return of each observation, or None without a value head."""

    @property
    def inputs(self) -> "Mapping[str, Tensor]":
        """What `evaluate` needs: CPU tensors (N, ...) whose other axes never change."""


class EvaluateOutput(Protocol):
    """What `Policy.evaluate` returns for B recorded policy steps; everything carries gradients."""

    @property
    def log_probs(self) -> "Tensor":
        """(B, K)."""

    @property
    def entropy(self) -> "Tensor":
        """(B, K), in nats."""

    @property
    def values(self) -> "Tensor | None":
        """(B,) or None."""


class Policy(Protocol):
    """A `torch.nn.Module` with three more methods.

    With a class attribute `generator_per_row = True`, `act` is given a sequence of N generators and draws what it needs
    for an observation from that observation's own. Then what is sampled does not depend on which environments are
    looked at together, and a run gives the same on one process and on many. Any other policy is given one generator.

    It may have `facts()`, which lists what decides how it acts as `EnvMetadata.facts` does; results keep it. In a loop
    of one's own a policy is used by `select_action(observation)`, of one environment without a batch, and `reset()`,
    where it has them; the trainer calls neither.

    It may also have `parameter_groups() -> {"actor": [...], "critic": [...]}`, which is what makes `actor.critic_lr`
    possible, and `fsdp_modules() -> [...]`, the blocks that are gathered one at a time where weights are spread over
    ranks (see `update.sharding.blocks_of`); every rank that evaluates runs the same of them, whatever the inputs.
    """

    def act(
        self,
        obs: Observation,
        *,
        deterministic: bool = False,
        temperature: float = 1.0,
        generator: "torch.Generator | Sequence[torch.Generator] | None" = None,
    ) -> ActOutput:
        """Choose an action chunk for each of N observations, without gradients.

        `generator` is on the CPU wherever the policy is, so that a run does not depend on the device that samples.
        `deterministic=True` must not draw from it.

        A policy whose `act` also takes `chunk_correlation: float` (0 to 1) can be trained with
        `rollout.chunk_correlation`: of the sampled noise of two actions of a chunk, each number's own distribution
        being what it is without.

        Raises:
            FloatingPointError: what the policy computed is not finite, so that no action can be chosen.
        """

    def evaluate(self, inputs: "Mapping[str, Tensor]", tokens: "Tensor", *, temperature: float = 1.0) -> EvaluateOutput:
        """Score recorded policy steps under the present weights."""

    def save_pretrained(self, directory: str | PathLike[str]) -> Any:
        """Write the policy so that others can load it."""

    def parameters(self) -> "Iterable[torch.nn.Parameter]":
        """As `torch.nn.Module.parameters`."""

    def state_dict(self) -> dict[str, Any]:
        """As `torch.nn.Module.state_dict`."""

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """As `torch.nn.Module.load_state_dict`."""

    def eval(self) -> Any:
        """As `torch.nn.Module.eval`."""


class Demonstrable(Protocol):
    """What a policy has besides `Policy` to learn from demonstrations; those with an L1 head have
    `normalize_actions(actions) -> (N, C, A)` and `regress(inputs) -> (B, C, A)`, too.

    It may have `use_statistics(key, statistics)`, which is given an entry of a `dataset_statistics.json`.
    """

    def observe(self, obs: Observation) -> "Mapping[str, Tensor]":
        """The inputs that `act` would record for N observations. Called by several threads at once."""

    def encode(self, actions: NDArray[np.floating]) -> "Tensor":
        """(N, K) tokens of actions (N, C, A) in the environment's units."""
