"""Our reader of BDDL: what it takes, and where it says that a text is wrong."""

import pickle

import pytest

from libero_gym.errors import BddlError
from libero_gym.tasks.bddl import parse_definition, parse_with_places
from libero_gym.tasks.bddl_syntax import MAX_DEPTH, Word, read_expression
from libero_gym.tasks.definition import Atom, Region

TASK = """; a comment (with parentheses
(define (problem LIBERO_Tabletop_Manipulation)
  (:domain robosuite)
  (:language Put the bowl on the plate)
  (:regions
    (left (:target main_table) (:ranges ((-.1 -2e-1 0 +0.5) (0 0 1 1))) (:yaw_rotation ((0 3.14))))
    (top (:target shelf_1))  ; of an object
  )
  (:fixtures main_table - table)
  (:objects bowl_1 bowl_2 - bowl plate_1 - plate)
  (:obj_of_interest bowl_1)
  (:init (On bowl_1 main_table_left))
  (:goal (And (On bowl_1 plate_1) (OPEN shelf_1)))
)
"""


def test_a_text_is_read():
    definition = parse_definition(TASK)
    assert definition.problem == "LIBERO_Tabletop_Manipulation"
    assert definition.language == "Put the bowl on the plate"
    assert list(definition.objects.items()) == [("bowl_1", "bowl"), ("bowl_2", "bowl"), ("plate_1", "plate")]
    assert definition.fixtures == {"main_table": "table"}
    assert definition.regions == {
        "main_table_left": Region("main_table", ((-0.1, -0.2, 0.0, 0.5), (0.0, 0.0, 1.0, 1.0)), (0.0, 3.14)),
        "shelf_1_top": Region("shelf_1"),
    }
    assert definition.goal == (Atom("on", ("bowl_1", "plate_1")), Atom("open", ("shelf_1",)))
    assert definition.init == (Atom("on", ("bowl_1", "main_table_left")),)
    assert definition.objects_of_interest == ("bowl_1",)


def test_a_goal_of_one_predicate_needs_no_and():
    assert parse_definition(TASK.replace("(And (On bowl_1 plate_1) (OPEN shelf_1))", "(Open shelf_1)")).goal == (
        Atom("open", ("shelf_1",)),
    )


def test_places_are_those_of_the_text():
    _, places = parse_with_places(TASK)
    lines = TASK.split("\n")
    for place, word in {
        ("objects", "bowl_2"): "bowl_2",
        ("objects", "bowl_2", "category"): "bowl ",
        ("goal", 0, 1): "plate_1",
        ("goal", 1): "(OPEN",
        ("regions", "shelf_1_top"): "(top",
        ("problem",): "LIBERO_Tabletop",
    }.items():
        line, column = places[place]
        assert lines[line - 1][column - 1 :].startswith(word), place


def test_comments_and_carriage_returns_are_no_words():
    assert read_expression("(a;b)c\r\n\td)", "x").items == (Word("a", 1, 2), Word("d", 2, 2))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "empty"),
        ("define", 1, 1, "expected to begin"),
        ("\n )", 2, 2, "expected to begin"),
        ("(a (b)\n (c", 2, 2, "not closed"),
        ("(a b)\n  x", 2, 3, "'x' after the end"),
        ("(a b))", 1, 6, r"'\)' after the end"),
        ("(" * 10**6, 1, MAX_DEPTH + 1, f"more than {MAX_DEPTH} parentheses"),
        ("(a b)", 1, 1, r"expected one \(define ...\)"),
        ("(define (problem X))", 1, 1, "lacks :fixtures, :objects, :goal"),
        ("(define problem)", 1, 9, "'?problem'? is not a section"),
        ("(define ())", 1, 9, "is not a section"),
        ("(define (:object))", 1, 9, "unknown section ':object' .did you mean ':objects'..; allowed: problem"),
        ("(define (problem X)\n (problem Y))", 2, 2, "section problem is there twice"),
    ],
)
def test_what_is_no_problem_says_where(text, line, column, message):
    with pytest.raises(BddlError, match=message) as caught:
        parse_definition(text, "mine.bddl")
    assert (caught.value.line, caught.value.column, caught.value.file) == (line, column, "mine.bddl")
    assert str(caught.value).startswith(f"mine.bddl:{line}:{column}: ")


@pytest.mark.parametrize(
    ("before", "after", "marked", "message"),
    [
        ("robosuite", "robot", "(:domain", "unknown domain"),
        ("LIBERO_Tabletop_Manipulation", "A B", "(problem", r"is not \(problem WORD\)"),
        ("Put the bowl", "Put (the) bowl", "(the)", "is not a word"),
        ("- plate)", "plate)", "plate_1 plate", "plate_1 has no category"),
        ("bowl_2 - bowl", "bowl_2 -", "- plate)", "'-' stands between"),
        ("bowl_2 - bowl", "bowl_2 - - bowl", "- - bowl", "'-' stands between"),
        ("bowl_2 - bowl", "bowl_1 - bowl", "bowl_1 - bowl", "'bowl_1' is declared twice"),
        ("bowl_1 bowl_2", "(bowl_1) bowl_2", "(bowl_1) bowl_2", "is not a name"),
        ("(On bowl_1 plate_1)", "(On (bowl_1) plate_1)", "(bowl_1) plate_1", "not a predicate of names"),
        ("(On bowl_1 plate_1)", "bowl_1", "bowl_1 (OPEN", "is not a predicate"),
        ("(:goal (And", "(:goal x (And", "(:goal", "or one predicate"),
        ("(top (:target shelf_1))", "(top)", "(top)", "region top has no :target"),
        ("(top (:target shelf_1))", "(top (:target a b))", "(:target a b)", "WORD"),
        ("(top (:target shelf_1))", "(left (:target main_table))", "(left (:target main_table))  ;", "declared twice"),
        ("(top (:target shelf_1))", "top", "top  ;", "is not a region"),
        (":yaw_rotation", ":yaw", "(:yaw ", "unknown .:yaw.*allowed: :target, :ranges"),
        ("-2e-1", "1_0", "1_0", "1_0 is not a number"),
        ("-2e-1", "nan", "nan", "nan is not a number"),
        ("-2e-1", "1e999", "1e999", "1e999 is not a number"),
        ("(-.1 -2e-1 0 +0.5)", "(1 2 3)", "(1 2 3)", "is not 4 numbers"),
        ("((-.1 -2e-1 0 +0.5) (0 0 1 1))", "(0 0 1 1)", "0 0 1 1", "is not 4 numbers"),
        ("((0 3.14))", "0 3.14", "(:yaw_rotation", "NUMBER"),
    ],
)
def test_each_mistake_is_found_where_it_is(before, after, marked, message):
    assert TASK.count(before) >= 1
    text = TASK.replace(before, after, 1)
    with pytest.raises(BddlError, match=message) as caught:
        parse_definition(text)
    line = text.split("\n")[caught.value.line - 1]
    assert line[caught.value.column - 1 :].startswith(marked)


def test_an_error_goes_through_a_pipe_with_its_place():
    with pytest.raises(BddlError) as caught:
        parse_definition("(a")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.line, copy.column) == (str(caught.value), 1, 1)
