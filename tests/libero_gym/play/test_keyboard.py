"""Keys and the actions that they make."""

import mujoco
import numpy as np
import pytest

from libero_gym.env import LiberoEnv
from libero_gym.play import keyboard
from libero_gym.play.keyboard import MOVES, PULSE_STEPS, Keyboard


def test_without_keys_the_hand_rests_with_an_open_gripper():
    np.testing.assert_array_equal(Keyboard().action(), [0, 0, 0, 0, 0, 0, -1])


@pytest.mark.parametrize("key", MOVES)
def test_a_press_moves_one_component_for_a_moment(key):
    board = Keyboard()
    board.press(key)
    actions = np.array([board.action() for _ in range(PULSE_STEPS + 1)])
    component, value = MOVES[key]
    assert (actions[:PULSE_STEPS, component] == value).all()
    assert (actions[PULSE_STEPS, :6] == 0).all()
    assert (np.delete(actions[:, :6], component, axis=1) == 0).all()


def test_keys_for_different_components_add_up_and_the_later_one_of_two_opposites_counts():
    board = Keyboard()
    for key in (keyboard.LEFT, keyboard.PAGE_UP, keyboard.RIGHT):
        board.press(key)
    action = board.action()
    assert action[1] == MOVES[keyboard.RIGHT][1] > 0
    assert action[2] == MOVES[keyboard.PAGE_UP][1] > 0


def test_enter_changes_the_gripper_and_n_starts_again():
    board = Keyboard()
    board.press(keyboard.ENTER)
    assert board.action()[6] == board.action()[6] == 1
    assert not board.take_restart()
    board.press(keyboard.UP)
    board.press(keyboard.LETTER_N)
    assert board.take_restart()
    assert not board.take_restart()
    np.testing.assert_array_equal(board.action(), [0, 0, 0, 0, 0, 0, -1])


def test_the_hand_goes_where_the_key_says():
    env = LiberoEnv("spatial", task=1, assets="builtin", cameras=())
    for key, axis, sign in ((keyboard.UP, 0, -1), (keyboard.RIGHT, 1, 1), (keyboard.PAGE_DOWN, 2, -1)):
        before = env.reset(seed=0, options={"init_state": 0})[0]["state"][:3]
        board = Keyboard()
        board.press(key)
        for _ in range(8):
            observation = env.step(board.action())[0]
        moved = observation["state"][:3] - before
        assert sign * moved[axis] > 0.01  # metres
        assert np.abs(np.delete(moved, axis)).max() < 0.005
    env.close()


def test_no_key_has_a_meaning_for_mujoco_s_window_already():
    # Keys that toggle what the window shows; arrows and the like only act there while it is paused.
    taken = {ord(key) for *_, keys in (*mujoco.mjVISSTRING, *mujoco.mjRNDSTRING) for key in keys}
    taken |= {ord(str(group)) for group in range(6)}
    assert not taken & {*MOVES, keyboard.ENTER, keyboard.LETTER_N}
