"""Update, sync and offload in closed form, and an iteration in all."""

from typing import Any

import pytest

from vla_trainer import placement
from vla_trainer.placement import Placement
from vla_trainer.planner import Amounts, Line, StageTimes, Transfer, predict
from vla_trainer.planner.iteration import needs_sync, update_seconds

COLLOCATED = {"env,rollout,actor": "all"}
SEPARATED = {"env,rollout": "0-1", "actor": "2-3"}
HYBRID = {"env": "0-1", "rollout": "2-3", "actor": "0-3"}


def placed(component_placement: dict[str, str], gpus: int = 4, nodes: int = 1) -> Placement:
    return placement.parse(component_placement, nodes, gpus)


def times(**changes: Any) -> StageTimes:
    return StageTimes(**{"env_step": Line(3), "act": Line(1), "update": Line(0.5, 0.25)} | changes)


def test_an_update() -> None:
    # 10 policy steps over 4 actor processes: 3 at most; micro-batches of 2: two of them, 2 x 0.5 + 3 x 0.25
    amounts = Amounts(num_envs=4, horizon=1, micro_batch_size=2)
    assert update_seconds(times(), amounts, 10, placed(COLLOCATED)) == 1.75
    # over 2: 5 each, 3 micro-batches: 1.5 + 1.25
    assert update_seconds(times(), amounts, 10, placed(SEPARATED)) == 2.75
    # an optimizer step of its own and 2 x 3/4 x 8 / 4 + 0.5 s of all-reduce
    reduced = times(optimizer_step=2.0, all_reduce=Transfer(8.0, 4.0, 0.5))
    assert update_seconds(reduced, amounts, 10, placed(COLLOCATED)) == 1.75 + 2.0 + 3.5
    assert update_seconds(reduced, amounts, 0, placed(COLLOCATED)) == 0.0


def test_what_is_imitated_is_passed_too() -> None:
    # over 4 processes 10 rows and 1.5 x 10 others: 3 and 4 each, in 2 micro-batches of 2 each: 4 x 0.5 + 7 x 0.25
    amounts = Amounts(num_envs=4, horizon=1, micro_batch_size=2, imitated=1.5)
    assert update_seconds(times(), amounts, 10, placed(COLLOCATED)) == 3.75


def test_what_actor_processes_exchange() -> None:
    # two micro-batches over 4 processes: 2 x (1 + 3/4 x 8 / 4) s; one of 3 policy steps over 1 process: nothing
    amounts = Amounts(num_envs=4, horizon=1, micro_batch_size=2)
    exchanged = times(exchange=Transfer(8.0, 4.0, 1.0))
    assert update_seconds(exchanged, amounts, 10, placed(COLLOCATED)) == 1.75 + 2 * 2.5
    assert update_seconds(exchanged, amounts, 2, placed({"env,rollout": "0", "actor": "1"})) == 0.5 + 0.5
    # then a third of it, as weights are gathered to act: 2.5 / 3
    assert predict(exchanged, amounts, placed(COLLOCATED)).sync == pytest.approx(2.5 / 3)


def test_what_an_iteration_takes_besides() -> None:
    # 4 environments, 2 policy steps: 9 s as below, and 1 + 8 x 0.5 to collect 8; half of them are learned from, twice:
    # 2 x (0.5 + 2 x 0.25), after 3 + 4 x 0.25 for the batch
    amounts = Amounts(num_envs=4, horizon=2, workers=1, learned=0.5, epochs=2)
    found = predict(times(collect=Line(1.0, 0.5), batch=Line(3.0, 0.25)), amounts, placed(SEPARATED))
    assert (found.rollout, found.update) == (9.0 + 5.0, 4.0 + 2.0)


def test_nodes_and_gpus_that_are_names() -> None:
    # 2 env processes of 2 environments each, an episode of one policy step, on 2 nodes of 2 GPUs: act 1 s, step 3 s.
    # On the one core that all of them are, 2 s and 6 s; then 4 actor processes, one policy step each, 0.75 s, take
    # turns
    amounts = Amounts(num_envs=4, episodes=4, episode_lengths=(1,), workers=1)
    across = placed(HYBRID, gpus=2, nodes=2)
    apart = predict(times(), amounts, across, cores_per_node=1)
    assert (apart.rollout, apart.update) == (1.0 + 6.0, 0.75)
    found = predict(times(offload=9.0), amounts, across, cores_per_node=1, one_machine=True)
    assert (found.rollout, found.update, found.offload) == (2.0 + 6.0, 4 * 0.75, 0.0)
    # with a core and a half, half as much more is done where two want one: 2 / 1.5 and 6 / 1.5; 4 / 1.5
    found = predict(times(), amounts, across, cores_per_node=1.5, one_machine=True)
    assert found.rollout == pytest.approx(8.0 / 1.5)
    assert found.update == pytest.approx(3.0 / 1.5)


def test_epochs_and_optimizer_steps() -> None:
    # 10 in parts of at most 4: 4, 3, 3, over 2 processes 2, 2, 2: 0.5 + 2 x 0.25 s and a step of 1 s; two epochs
    amounts = Amounts(num_envs=4, horizon=1, global_batch_size=4, epochs=2)
    assert update_seconds(times(optimizer_step=1.0), amounts, 10, placed(SEPARATED)) == 2 * 3 * 2


def test_actors_without_gpus_share_cores() -> None:
    amounts = Amounts(num_envs=4, horizon=1)
    two = placed({"env,rollout,actor": "0:0-1"}, gpus=0)
    # 5 policy steps each: 0.5 + 1.25; two processes that keep 2 cores busy each
    assert update_seconds(times(update_cores=2.0), amounts, 10, two) == 1.75
    assert update_seconds(times(update_cores=2.0), amounts, 10, two, cores_per_node=4) == 1.75
    assert update_seconds(times(update_cores=2.0), amounts, 10, two, cores_per_node=1) == 1.75 * 4


@pytest.mark.parametrize(
    ("component_placement", "needed"),
    [
        (COLLOCATED, False),
        (HYBRID, False),
        (SEPARATED, True),
        ({"env": "0", "rollout": "0-3:0-7", "actor": "0-3"}, True),  # four of the eight are no actor's
        ({"env": "0", "rollout": "0-3", "actor": "0-3:0-1"}, True),  # an actor with two GPUs is another process
    ],
)
def test_who_is_sent_weights(component_placement: dict[str, str], needed: bool) -> None:
    assert needs_sync(placed(component_placement)) is needed


def test_an_iteration_in_all() -> None:
    # 4 environments, 2 policy steps: 2 (3 + 1) + 1 s; 8 policy steps
    amounts = Amounts(num_envs=4, horizon=2, action_chunk=8, workers=1)
    measured = times(sync=Transfer(6.0, 3.0, 0.5), offload=1.5, load=2.0)
    found = predict(measured, amounts, placed(SEPARATED))
    # 4 each of 2 actors: 0.5 + 1; nothing is on a GPU of the actor's
    assert (found.rollout, found.update, found.sync, found.offload) == (9.0, 1.5, 2.5, 0.0)
    assert (found.total, found.policy_steps, found.env_steps) == (13.0, 8, 64)
    assert found.env_steps_per_second == pytest.approx(64 / 13)
    assert (found.env_busy, found.rollout_busy, found.actor_busy) == pytest.approx((6 / 13, 3 / 13, 1.5 / 13))
    # 2 each of 4 actors: 0.5 + 0.5
    found = predict(measured, amounts, placed(COLLOCATED))
    assert (found.rollout, found.update, found.sync, found.offload) == (9.0, 1.0, 0.0, 3.5)
    found = predict(measured, amounts, placed(HYBRID))
    assert (found.sync, found.offload) == (0.0, 3.5)
    # without GPUs nothing is moved
    assert predict(measured, amounts, placed(COLLOCATED, gpus=0)).offload == 0.0


def test_more_gpus_are_never_slower_where_all_is_proportional() -> None:
    measured = times(env_step=Line(0, 3), act=Line(0, 1), update=Line(0, 0.25))
    amounts = Amounts(num_envs=64, episodes=128, episode_lengths=(3, 9, 5), workers=1)
    totals = [predict(measured, amounts, placed(COLLOCATED, gpus=gpus)).total for gpus in (1, 2, 4, 8)]
    assert totals == sorted(totals, reverse=True)
    assert totals[3] >= totals[0] / 8


def test_learning_beside_a_rollout() -> None:
    # 4 environments, 2 policy steps each: 9 s, 8 policy steps. In parts of 4, 2 for each of 2 actors: 2 x (0.5 + 2 x
    # 0.25) an epoch, 4 s in two epochs
    def amounts(learns: str) -> Amounts:
        return Amounts(num_envs=4, horizon=2, workers=1, global_batch_size=4, epochs=2, learns=learns)

    assert predict(times(), amounts("after"), placed(SEPARATED)).total == 9 + 4
    # all of the update while the next rollout is collected
    ahead = predict(times(), amounts("ahead"), placed(SEPARATED))
    assert (ahead.beside, ahead.total) == (4, 9)
    # of the first epoch's two steps the first, 1 s
    eager = predict(times(), amounts("eager"), placed(SEPARATED))
    assert (eager.beside, eager.total) == (1, 12)
    # who also acts cannot; without GPUs all work on the same processors
    for elsewhere in (placed(COLLOCATED), placed(HYBRID), placed({"env,rollout": "0", "actor": "0"}, gpus=0)):
        assert predict(times(), amounts("eager"), elsewhere).beside == 0
