"""act and evaluate are one distribution; what goes wrong between them is what ruins RL on VLAs."""

import copy
import pickle

import numpy as np
import pytest
import torch

from vla_policy import OpenVLAOFTPolicy
from vla_policy.errors import ActionError, ConfigError, NumbersError, ObservationError, TokenError, VLAPolicyError


def row(inputs, index):
    return {k: v[index] for k, v in inputs.items()}


def test_shapes_and_kinds(tiny, make_observation, generator):
    output = tiny.act(make_observation(5), generator=generator(0))
    assert output.actions.shape == (5, 2, 7)
    assert output.actions.dtype == np.float32
    assert output.tokens.shape == (5, 14)
    assert output.tokens.dtype == torch.int64
    assert output.log_probs.shape == (5, 14)
    assert output.values.shape == (5,)
    assert not output.log_probs.requires_grad
    assert not output.values.requires_grad


def test_actions_are_the_decoded_centres(tiny, make_observation, generator):
    output = tiny.act(make_observation(4), generator=generator(0))
    decoded = tiny.action_tokenizer.decode(output.tokens.numpy()).reshape(4, 2, 7)
    np.testing.assert_array_equal(output.actions, decoded.astype(np.float32))


def single(observation, index):
    """The observation of one environment, as it returns it."""
    return {key: value[index] for key, value in observation.items()}


def test_select_action_executes_a_chunk_before_it_looks_again(tiny, make_observation):
    policy = copy.deepcopy(tiny)
    seen = [single(make_observation(1, seed=seed), 0) for seed in range(3)]
    chunks = [policy.act(make_observation(1, seed=seed), deterministic=True).actions[0] for seed in range(3)]
    # of two actions each: the second observation is not looked at
    selected = [policy.select_action(observation) for observation in (*seen, seen[0])]
    np.testing.assert_array_equal(selected, [*chunks[0], *chunks[2]])
    assert selected[0].shape == (7,)
    policy.select_action(seen[1])
    policy.reset()
    np.testing.assert_array_equal(policy.select_action(seen[2]), chunks[2][0])


def test_select_action_samples_where_it_is_asked_to(tiny, make_observation, generator):
    policy = copy.deepcopy(tiny)
    sampled = policy.act(make_observation(1), temperature=1.6, generator=generator(0)).actions[0]
    observation = single(make_observation(1), 0)
    first = policy.select_action(observation, deterministic=False, temperature=1.6, generator=generator(0))
    np.testing.assert_array_equal(first, sampled[0])


def test_select_action_takes_one_observation(tiny, make_observation):
    policy = copy.deepcopy(tiny)
    batched = make_observation(2)
    with pytest.raises(ObservationError, match=r"image.*\(2, 32, 32, 3\).*\(H, W, 3\), without a batch axis. act\(\)"):
        policy.select_action(batched)
    one = single(batched, 0)
    with pytest.raises(ObservationError, match=r"instruction.* is a list; one observation has a sentence"):
        policy.select_action({**one, "instruction": ["Open it"]})
    with pytest.raises(ObservationError, match=r"state.*\(1, 8\).*\(P,\)"):
        policy.select_action({**one, "state": one["state"][None]})
    assert policy.select_action(one).shape == (7,)


def test_select_action_looks_again_after_n_action_steps(tiny, make_observation, tmp_path):
    tiny.save_pretrained(tmp_path / "saved")
    policy = OpenVLAOFTPolicy.from_pretrained(tmp_path / "saved", n_action_steps=1)
    seen = [make_observation(1, seed=seed) for seed in range(2)]
    expected = [policy.act(observation, deterministic=True).actions[0, 0] for observation in seen]
    selected = [policy.select_action(single(observation, 0)) for observation in seen]
    np.testing.assert_array_equal(selected, expected)
    with pytest.raises(ConfigError, match="n_action_steps is 3; a chunk has 2 actions"):
        OpenVLAOFTPolicy.from_pretrained(tmp_path / "saved", n_action_steps=3)
    with pytest.raises(ConfigError, match="n_action_steps is 0"):
        OpenVLAOFTPolicy.from_pretrained(tmp_path / "saved", n_action_steps=0)


def test_encode_is_the_inverse_of_decode(tiny, make_observation, generator):
    output = tiny.act(make_observation(4), generator=generator(0))
    assert torch.equal(tiny.encode(output.actions), output.tokens.clamp(min=577))  # 576 and 577 are one action
    with pytest.raises(ActionError, match=r"\(4, 7\).*\(N, 2, 7\)"):
        tiny.encode(output.actions[:, 0])


def test_a_copy_is_a_policy_of_its_own(tiny, make_observation, generator):
    for twin in (copy.deepcopy(tiny), pickle.loads(pickle.dumps(tiny))):
        first, second = (p.act(make_observation(2), generator=generator(0)) for p in (tiny, twin))
        assert torch.equal(first.tokens, second.tokens)
        assert next(twin.parameters()).data_ptr() != next(tiny.parameters()).data_ptr()


@pytest.mark.parametrize("temperature", [1.0, 1.6, 0.6])
def test_evaluate_scores_what_act_sampled(tiny, make_observation, generator, temperature):
    output = tiny.act(make_observation(6), temperature=temperature, generator=generator(0))
    scored = tiny.evaluate(output.inputs, output.tokens, temperature=temperature)
    torch.testing.assert_close(scored.log_probs, output.log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(scored.values, output.values, rtol=0, atol=1e-5)


def test_rows_can_be_concatenated_over_time_shuffled_and_split(tiny, make_observation, generator):
    """What a trainer does: two steps with prompts of different lengths, one flat buffer, minibatches of it."""
    steps = [tiny.act(make_observation(n, seed=n), temperature=1.6, generator=generator(n)) for n in (2, 3)]
    buffer = {k: torch.cat([s.inputs[k] for s in steps]) for k in steps[0].inputs}
    tokens, log_probs = (torch.cat([getattr(s, k) for s in steps]) for k in ("tokens", "log_probs"))
    order = torch.tensor([3, 0, 4, 2, 1])
    for part in order.split(2):
        scored = tiny.evaluate(row(buffer, part), tokens[part], temperature=1.6)
        torch.testing.assert_close(scored.log_probs, log_probs[part], rtol=0, atol=1e-5)


def test_another_temperature_scores_differently(tiny, make_observation, generator):
    output = tiny.act(make_observation(2), temperature=1.6, generator=generator(0))
    scored = tiny.evaluate(output.inputs, output.tokens, temperature=1.0)
    assert (scored.log_probs - output.log_probs).abs().max() > 0.01


def test_seed_fixes_the_sample(tiny, make_observation, generator):
    first, second, other = (tiny.act(make_observation(3), generator=generator(s)).tokens for s in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_deterministic_is_the_mode(tiny, make_observation):
    output = tiny.act(make_observation(3), deterministic=True)
    with torch.no_grad():
        mode = tiny.evaluate(output.inputs, output.tokens)
        for token in range(576, 832, 16):
            other = tiny.evaluate(output.inputs, torch.full_like(output.tokens, token))
            assert (other.log_probs <= mode.log_probs + 1e-6).all()
    np.testing.assert_array_equal(output.actions, tiny.predict(make_observation(3)))


def test_deterministic_is_the_median_where_that_is_chosen(build_tiny, make_observation, tmp_path):
    policy = build_tiny(decoding="median")
    observation = make_observation(3)
    output = policy.act(observation, deterministic=True)
    with torch.no_grad():
        probabilities = policy._distribution(policy._network(output.inputs), 1.0).log_probs.double().exp()
    index = output.tokens - policy.action_tokenizer.first_id
    up_to = probabilities.cumsum(-1).gather(-1, index[..., None]).squeeze(-1)
    its_own = probabilities.gather(-1, index[..., None]).squeeze(-1)
    assert (up_to >= 0.5 - 1e-6).all()
    assert (up_to - its_own <= 0.5 + 1e-6).all()
    np.testing.assert_array_equal(output.actions, policy.predict(observation))
    # a choice that goes along with the weights
    policy.save_pretrained(tmp_path)
    assert OpenVLAOFTPolicy.from_pretrained(tmp_path).config.decoding == "median"
    with pytest.raises(ConfigError, match='decoding is \'mean\'; allowed: "mode", "median"'):
        build_tiny(decoding="mean")


def test_every_input_matters(tiny, make_observation):
    output = tiny.act(make_observation(2), deterministic=True)
    with torch.no_grad():
        base = tiny.evaluate(output.inputs, output.tokens).log_probs
        for key in ("images", "proprio", "input_ids"):
            swapped = {**output.inputs, key: output.inputs[key].flip(0)}
            if key == "input_ids":
                swapped["prompt_length"] = output.inputs["prompt_length"].flip(0)
            assert (tiny.evaluate(swapped, output.tokens).log_probs - base).abs().max() > 1e-4, key


def test_entropy_is_the_expected_surprise(tiny, make_observation, generator):
    output = tiny.act(make_observation(1), generator=generator(0))
    with torch.no_grad():
        entropy = tiny.evaluate(output.inputs, output.tokens).entropy.mean()
        distribution = tiny._distribution(tiny._network(output.inputs), 1.0)
    distribution.log_probs = distribution.log_probs.expand(4000, -1, -1)
    surprise = -distribution.log_prob(distribution.sample(generator(3))).mean()
    # 56,000 samples of a surprise with standard deviation near 1: an error of 0.004.
    assert surprise.item() == pytest.approx(entropy.item(), abs=0.03)


def test_parameter_groups_cover_what_trains(tiny):
    groups = tiny.parameter_groups()
    assert {id(p) for g in groups.values() for p in g} == {id(p) for p in tiny.parameters() if p.requires_grad}
    assert {id(p) for p in groups["critic"]} == {id(p) for p in tiny.value_head.parameters()}


def test_every_trainable_parameter_gets_a_gradient(build_tiny, make_observation, generator):
    policy = build_tiny(seed=3)
    torch.nn.init.normal_(policy.value_head.mlp[-1].weight)
    output = policy.act(make_observation(3), generator=generator(0))
    scored = policy.evaluate(output.inputs, output.tokens)
    (scored.log_probs.sum() + scored.values.sum()).backward()
    without = [n for n, p in policy.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert without == []


def test_gradient_is_the_finite_difference(build_tiny, make_observation, generator):
    policy = build_tiny(seed=3).double()
    output = policy.act(make_observation(2), generator=generator(0))
    weight = policy.model.language_model.model.layers[0].self_attn.v_proj.weight

    def objective():
        scored = policy.evaluate(output.inputs, output.tokens, temperature=1.6)
        return scored.log_probs.sum() + scored.entropy.sum()

    objective().backward()
    direction = torch.randn(weight.shape, generator=generator(1), dtype=torch.float64)
    step = 1e-6
    with torch.no_grad():
        weight += step * direction
        above = objective()
        weight -= 2 * step * direction
        below = objective()
    expected = ((above - below) / (2 * step)).item()
    assert (weight.grad * direction).sum().item() == pytest.approx(expected, rel=1e-6)


def test_global_random_state_is_left_alone(build_tiny, make_observation, generator):
    before = torch.get_rng_state()
    build_tiny(seed=1).act(make_observation(1), generator=generator(0))
    assert torch.equal(before, torch.get_rng_state())


def test_observation_is_not_changed(tiny, make_observation):
    observation = make_observation(2)
    tiny.act(observation).inputs["images"].zero_()
    for key, value in make_observation(2).items():
        np.testing.assert_array_equal(observation[key], value)


def test_errors(tiny, make_observation):
    output = tiny.act(make_observation(2))
    with pytest.raises(TokenError, match="action ids are 576 to 831"):
        tiny.evaluate(output.inputs, output.tokens + 256)
    with pytest.raises(ObservationError, match="rows differ"):
        tiny.evaluate(output.inputs, output.tokens[:1])
    with pytest.raises(ObservationError, match="images"):
        tiny.evaluate({k: v for k, v in output.inputs.items() if k != "images"}, output.tokens)
    with pytest.raises(ObservationError, match="proprio"):
        tiny.evaluate({k: v for k, v in output.inputs.items() if k != "proprio"}, output.tokens)
    with pytest.raises(ConfigError, match="temperature"):
        tiny.act(make_observation(2), temperature=0.0)


@pytest.mark.parametrize("head", ["tokens", "l1"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_give_no_action(build_tiny, make_observation, generator, head, bad):
    policy = build_tiny(seed=0, **({"action_head": "l1"} if head == "l1" else {}))
    with torch.no_grad():
        policy.model.language_model.model.norm.weight[3] = bad
    message = (
        r"logits of token \d+ of row 0 \(of 2\) are not finite" if head == "tokens" else r"actions of row 0 \(of 2\)"
    )
    with pytest.raises(NumbersError, match=message):
        policy.predict(make_observation(2))
    for deterministic in (True, False) if head == "tokens" else (True,):
        with pytest.raises(NumbersError, match=message) as caught:
            policy.act(make_observation(2), deterministic, generator=generator(0))
    # of this package's family, and what a trainer that does not know the package can catch
    assert isinstance(caught.value, VLAPolicyError)
    assert isinstance(caught.value, FloatingPointError)
