"""Mutated texts: the parser and the checks take them, or raise named errors that say where; never another exception."""

from __future__ import annotations

import random
import re

import pytest

from libero_gym import TaskSpec
from libero_gym.assets import resolve_assets
from libero_gym.errors import BddlError, LiberoGymError
from libero_gym.own_task.scene_checks import check_scene
from libero_gym.own_task.source import own_task
from libero_gym.scene.build import build_scene
from libero_gym.tasks import load_suite
from libero_gym.tasks.bddl import write_definition

#: A drawer, a stove, stacked bowls, objects in regions of objects; each workspace that LIBERO's tasks have.
TASKS = [("goal", 3), ("spatial", 3), ("spatial", 4), ("object", 0), ("10", 2), ("10", 9), ("90", 40), ("90", 75)]
TEXTS = [write_definition(load_suite(suite).tasks[index].definition) for suite, index in TASKS]
#: The same kinds of sections with little in them: a mutation changes what counts, and parsing takes a quarter.
SHORT = [
    """(define (problem LIBERO_Tabletop_Manipulation)
  (:domain robosuite)
  (:language put the bowl in the drawer)
  (:regions
    (left (:target main_table) (:ranges ((-0.15 -0.20 -0.05 -0.05))) (:yaw_rotation ((0.0 1.57))))
    (back (:target main_table) (:ranges ((-0.01 -0.31 0.01 -0.29))))
    (top_region (:target wooden_cabinet_1))
  )
  (:fixtures main_table - table wooden_cabinet_1 - wooden_cabinet)
  (:objects akita_black_bowl_1 akita_black_bowl_2 - akita_black_bowl)
  (:obj_of_interest akita_black_bowl_1 wooden_cabinet_1)
  (:init
    (On akita_black_bowl_1 main_table_left)
    (On akita_black_bowl_2 akita_black_bowl_1)
    (On wooden_cabinet_1 main_table_back)
    (Open wooden_cabinet_1_top_region)
  )
  (:goal (And (In akita_black_bowl_1 wooden_cabinet_1_top_region) (Close wooden_cabinet_1_top_region)))
)""",
    """(define (problem LIBERO_Floor_Manipulation)
  (:domain robosuite)
  (:language pick it up)
  (:regions
    (bin (:target floor) (:ranges ((-0.01 0.25 0.01 0.27))))
    (front (:target floor) (:ranges ((0.05 -0.2 0.15 -0.05) (-0.2 -0.2 -0.1 -0.1))))
    (contain_region (:target basket_1))
  )
  (:fixtures floor - floor)
  (:objects milk_1 - milk basket_1 - basket)
  (:init (On milk_1 floor_front) (On basket_1 floor_bin))
  (:goal (And (Up milk_1) (In milk_1 basket_1_contain_region)))
)""",
    """(define (problem LIBERO_Kitchen_Tabletop_Manipulation)
  (:domain robosuite)
  (:language turn on the stove)
  (:regions (here (:target kitchen_table) (:ranges ((-0.21 0.2 -0.19 0.22)))))
  (:fixtures kitchen_table - kitchen_table flat_stove_1 - flat_stove)
  (:objects)
  (:init (On flat_stove_1 kitchen_table_here) (Turnoff flat_stove_1))
  (:goal (And (Turnon flat_stove_1)))
)""",
]
WORDS = sorted({word for text in TEXTS for word in re.findall(r"[^\s()]+", text)})
STRANGE = [
    *(
        "(",
        ")",
        "()",
        "((",
        "))",
        ";",
        "-",
        "--",
        ":",
        ":init",
        ":goal",
        ":target",
        "and",
        "And",
        "nan",
        "inf",
        "1e999",
    ),
    *("-1e-999", "1_000", "0x10", "١٢", "9" * 400, "\0", "\x1b[31m", "\ud800", "é", "🤖", '"', "'", "\\", "{0}", "%s"),
    *("__class__", "main_table_", "_", "robot0", "gripper0", "world", "<a/>", "&amp;", "\r", "\u2028", "\x0c", "\x85"),
]


def mutated(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        tokens = re.findall(r"[()]|[^\s()]+|\s+", text) or [""]
        first, second = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        place = rng.randrange(len(text) + 1)
        match rng.randrange(12):
            case 0:
                text = text[:place] + text[place + rng.choice((1, 1, 2, 10, 300)) :]
            case 1:
                text = text[:place] + rng.choice(STRANGE) + text[place:]
            case 2:
                text = text[:place] + chr(rng.choice((rng.randrange(128), rng.randrange(0x110000)))) + text[place + 1 :]
            case 3:
                text = text[:place]
            case 4:
                tokens[first], tokens[second] = tokens[second], tokens[first]
                text = "".join(tokens)
            case 5:
                del tokens[first]
                text = "".join(tokens)
            case 6 | 7:
                tokens[first] = rng.choice(WORDS)
                text = "".join(tokens)
            case 8:
                tokens[first] = rng.choice(STRANGE)
                text = "".join(tokens)
            case 9:
                low, high = sorted((first, second))
                text = "".join(tokens[:low] + tokens[low:high] * rng.choice((0, 2)) + tokens[high:])
            case 10:
                text = text[:place] + rng.choice("()") * rng.choice((1, 2, 60, 3000)) + text[place:]
            case 11:
                other = rng.choice(TEXTS)
                text = text[:place] + other[rng.randrange(len(other)) :]
    return text


def read(text: str) -> tuple[TaskSpec | None, BddlError | None]:
    """Any other exception ends the test."""
    try:
        return TaskSpec.from_bddl(text), None
    except BddlError as error:
        return None, error


def fuzz(texts: list[str], seed: int, count: int, built_every: int) -> tuple[int, int, int]:
    """Return how many texts were taken, how many of those were built, and how many different messages there were."""
    rng, assets = random.Random(seed), resolve_assets("builtin").folder
    taken, built, messages = 0, 0, set()
    for _ in range(count):
        text = mutated(rng.choice(texts), rng) + "\n"
        spec, error = read(text)
        if error is not None:
            messages.add(re.sub(r"'[^']*'|\d+", "", str(error))[:40])
            lines = text.split("\n")
            assert 1 <= error.line <= len(lines)
            assert 1 <= error.column <= len(lines[error.line - 1]) + 1
            continue
        taken += 1
        if taken % 10 == 0:
            assert TaskSpec.from_bddl(spec.to_bddl(), name=spec.name).sha256 == spec.sha256
        if taken % built_every == 0:
            built += 1
            try:
                task = own_task(spec, None)
                scene = build_scene(task.definition, assets, None, task.own_models)
                check_scene(spec, scene)
                scene.spec().compile()
            except LiberoGymError:
                pass
    return taken, built, len(messages)


def test_fifteen_hundred_mutated_texts():
    taken, built, messages = fuzz(TEXTS, seed=0, count=1_500, built_every=5)
    # neither all are refused nor all taken, and for many reasons
    assert 50 < taken < 1_450
    assert built > 10
    assert messages > 20


@pytest.mark.slow
def test_a_hundred_thousand_mutated_texts():
    taken, built, messages = fuzz(SHORT, seed=1, count=100_000, built_every=100)
    assert 3_000 < taken < 97_000
    assert built > 30
    assert messages > 30
