"""Comparing facts and rates: ranking, chance, files that cannot be read."""

import json
from math import comb

import pytest
from rich.console import Console

from vla_trainer.errors import ComparisonError
from vla_trainer.evaluation.explanation import Side, explain, facts_of, fisher_exact, newcombe_interval
from vla_trainer.evaluation.reference import read_reference
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.explain_command import explain_results, print_explanation
from vla_trainer.facts import Fact, read_facts


def side(successes, episodes, **values):
    weights = {"major": 90.0, "middle": 20.0, "minor": 2.0}
    facts = [Fact(name, value, weights[name], f"{name} does") for name, value in values.items()]
    return Side("side", successes, episodes, facts)


def test_what_costs_most_comes_first_wherever_it_stands():
    mine, other = side(3, 10, minor=1, major="a", middle=[1, 2]), side(9, 10, middle=[1, 3], minor=2, major="b")
    found = explain(mine, other)
    assert [row.name for row in found.different] == ["major", "middle", "minor"]
    assert found.likely_cause.cause == "major does"
    assert explain(mine, mine).likely_cause is None


def test_a_fact_of_one_side_is_no_difference():
    found = explain(side(3, 10, minor=1, major="a"), side(9, 10, minor=1, middle=None))
    assert found.different == []
    assert [(row.name, row.state) for row in found.unrecorded] == [("major", "only mine"), ("middle", "only reference")]


def test_chance():
    # 2 of 2 against 0 of 2: of the C(4, 2) = 6 ways to deal two successes, this one and its mirror: 2 / 6
    assert fisher_exact(2, 2, 0, 2) == pytest.approx(1 / 3)
    # 10 of 10 against 0 of 10: 2 / C(20, 10)
    assert fisher_exact(10, 10, 0, 10) == pytest.approx(2 / comb(20, 10))
    assert fisher_exact(5, 10, 5, 10) == 1.0
    # the tea of Fisher's lady, 3 of 4 and 1 of 4: (16 + 16 + 1 + 1) / 70
    assert fisher_exact(3, 4, 1, 4) == pytest.approx(34 / 70)
    # Newcombe (1998), table II, example (a): 56/70 - 48/80
    assert newcombe_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert explain(side(412, 500), side(488, 500)).rates.beyond_chance
    assert not explain(side(8, 10), side(10, 10)).rates.beyond_chance
    assert explain(side(None, 10), side(9, 10)).rates is None


def evaluation(**changes):
    given = {
        "heading": None, "episodes": 2, "successes": 1, "success_rate": 0.5, "interval": (0.1, 0.9), "reward_mean": 0.5,
        "tasks": [], "env_id": "toy/Reach-v0", "split": "eval", "assets": "a", "assets_version": None,
        "deterministic": True, "notices": [],
        "states": [
            {"task_id": 0, "task_name": "t", "init_state_id": i, "seed": i, "success": i == 0, "env_steps": 3,
             "return": 1.0}
            for i in range(2)
        ],
    }  # fmt: skip
    return Evaluation(**(given | changes))


def test_files_from_before_facts_are_compared_by_what_they_have(tmp_path):
    evaluation().write(tmp_path / "a.json")
    tree = json.loads((tmp_path / "a.json").read_text())
    del tree["facts"]
    (tmp_path / "a.json").write_text(json.dumps(tree))
    evaluation(assets="b", facts=[Fact("policy.dtype", "bfloat16", 3.0)]).write(tmp_path / "b.json")
    found = explain_results([str(tmp_path / "a.json"), str(tmp_path / "b.json")], Console())
    assert [row.name for row in found.different] == ["env.assets"]
    assert [(row.name, row.state) for row in found.unrecorded] == [("policy.dtype", "only reference")]
    assert "before results recorded facts" in found.notes[0]
    assert found.rates.method == "exact McNemar test, paired"


def test_a_recorded_fact_goes_before_a_field():
    facts = facts_of(evaluation(facts=[Fact("env.assets", "a (version 2)")]))
    assert [fact.value for fact in facts if fact.name == "env.assets"] == ["a (version 2)"]


def test_values_are_those_of_json():
    (fact,) = read_facts([{"name": "env.x", "value": {"a": (1, {2})}}])
    assert fact.value == {"a": [1, "{2}"]}
    assert fact.weight == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--explain takes RESULT and REFERENCE, not 0 arguments"),
        (["a.json", "b.json", "c.json"], "not 3 arguments"),
        (["absent.json", "b.json"], "absent.json is not an eval.json: No such file"),
        (["broken.json", "a.json"], "broken.json is not an eval.json"),
        (["a.json", "absent"], "absent is neither an eval.json nor a published result of toy/Reach-v0"),
        (
            ["a.json", "a.json", "--sweep", "env.x=1"],
            "--explain is read without --sweep, --compare and --protocol only",
        ),
    ],
)
def test_what_cannot_be_read_ends_with_code_2(quick_command, tmp_path, arguments, message):
    evaluation().write(tmp_path / "a.json")
    (tmp_path / "broken.json").write_text("{")
    done = quick_command("vla-eval", "--explain", *arguments)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_cards_are_checked(monkeypatch, tmp_path):
    card = tmp_path / "card.json"
    metadata = {"references": {"paper": str(card)}}
    monkeypatch.setattr("vla_trainer.evaluation.reference.class_metadata", lambda _: metadata)
    card.write_text("{}")
    with pytest.raises(ComparisonError, match=r"card.json is no card of a published result"):
        read_reference("paper", "toy/Reach-v0")
    result = {"episodes": 200, "success_rate": 0.905, "facts": {"minor": 2}}
    card.write_text(json.dumps({"sources": ["a paper"], "facts": {"minor": 1}, "results": {"toy/Reach-v0": result}}))
    found = read_reference("paper", "module:toy/Reach-v0")
    # 0.905 of 200
    assert (found.successes, found.episodes, [fact.value for fact in found.facts]) == (181, 200, [2])
    with pytest.raises(ComparisonError, match=r"no result in toy/Other-v0; it has: toy/Reach-v0"):
        read_reference("paper", "toy/Other-v0")
    with pytest.raises(ComparisonError, match=r'papr is neither .* did you mean "paper"\?'):
        read_reference("papr", "toy/Reach-v0")


def test_what_is_printed(capsys):
    found = explain(side(30, 100, major="a", minor=1), side(90, 100, major="b", minor=1))
    print_explanation(found, Console(width=120))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("A = side: 30.0% [")
    assert "Likely cause: major: a, reference b: major does." in lines
    assert "equal: minor" in lines
