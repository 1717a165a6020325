"""What Ray's exceptions become, whoever asked whom; Ray itself is not started."""

from __future__ import annotations

import pytest

ray = pytest.importorskip("ray")

from ray.exceptions import ActorDiedError, GetTimeoutError, RayActorError, RayError, RayTaskError  # noqa: E402

from vla_trainer.errors import EnvError, ProcessLostError  # noqa: E402
from vla_trainer.runtime.supervisor import unwrapped  # noqa: E402

NAMES = {"ab12": "rollout process 1"}


def raised(cause: Exception) -> RayTaskError:
    """As `ray.get` raises what a method of a process raised."""
    error = RayTaskError("act", "Traceback ...", cause, "python", 1, "10.0.0.1").as_instanceof_cause()
    assert isinstance(error, RayTaskError)
    return error


def died(number: str = "ab12", said: str = "The actor died because its owner has left.") -> RayActorError:
    return RayActorError(number, said)


@pytest.mark.parametrize("cause", [EnvError("no such task"), ValueError("a mistake"), KeyError("k")])
def test_what_a_process_raised_is_raised_here(cause: Exception) -> None:
    assert unwrapped(raised(cause), NAMES) is cause
    # a process that asked another, which raised it
    assert unwrapped(raised(raised(cause)), NAMES) is cause


def test_a_lost_process_has_its_name() -> None:
    lost = unwrapped(died(), NAMES)
    assert isinstance(lost, ProcessLostError)
    assert str(lost) == "rollout process 1 was lost: The actor died because its owner has left."
    # the same if it was lost while another was asking it
    assert str(unwrapped(raised(died()), NAMES)) == str(lost)
    assert str(unwrapped(raised(raised(died())), NAMES)) == str(lost)
    assert str(unwrapped(died("cd34"), NAMES)).startswith("a policy process was lost: ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Task was\n  killed. Worker exit type: SYSTEM_ERROR\nat  once", "Worker exit type: SYSTEM_ERROR at once"),
        ("class: x\n\tThe node with id 7 is gone", "The node with id 7 is gone"),
        ("something else", "something else"),
        ("y" * 1000, "y" * 300),
    ],
)
def test_a_death_is_reported_in_one_line(said: str, told: str) -> None:
    assert str(unwrapped(died(said=said), NAMES)) == f"rollout process 1 was lost: {told}"


def test_a_machine_that_was_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ActorDiedError()
    monkeypatch.setattr(error, "_preempted", True)
    assert str(unwrapped(error, NAMES)) == "a policy process was lost: its machine was taken away"


@pytest.mark.parametrize("error", [GetTimeoutError("slow"), RayError("the store is full")])
def test_what_is_ray_s_own_stays(error: RayError) -> None:
    assert unwrapped(error, NAMES) is error
