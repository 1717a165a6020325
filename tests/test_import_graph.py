"""Imports inside a package run down only, function-level ones included: no circle, no arrow up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"

#: Packages without a circle of imports.
ACYCLIC = ("libero_gym", "vla_policy", "vla_trainer")

#: Package -> its rooms (modules and subpackages; "" is the package itself) from the bottom up. A room imports rooms of
#: lower lines only; those of one line do not know each other.
LAYERS = {
    "libero_gym": (
        ("errors",),
        ("checks", "cache_folder", "references", "waiting", "time_limit"),
        ("vector_arguments",),
        ("tasks",),
        ("assets", "protocols"),
        ("scene",),
        ("own_task",),
        ("shifts",),
        ("engine",),
        ("render",),
        ("options",),
        ("facts",),
        ("spaces", "provenance"),
        ("saved_state",),
        ("reset_request",),
        ("shared_models",),
        ("episode",),
        ("observation",),
        ("env",),
        ("workers",),
        ("registration", "vector_env"),
        ("",),
        ("expert", "recording", "sb3", "torchrl"),
        ("demos", "doctor", "play", "shift_check", "task_check"),
        ("lerobot",),
        ("cli",),
    ),
    "vla_policy": (
        ("", "errors", "precision"),
        ("action_tokenizer", "distribution", "facts", "lora", "orientation", "prompt", "spaces", "validation"),
        ("action_stats", "dataset_statistics", "model", "model_card", "orientation_check", "preprocess", "value_head"),
        ("observation", "policy_config"),
        ("checkpoint",),
        ("pretrained", "upload"),
        ("tiny",),
        ("policy",),
        ("vla_eval_server",),
    ),
    "vla_trainer": (
        (
            *("", "atomic_files", "errors", "facts", "finite", "named_object", "protocols", "provenance", "recipes"),
            *("row_threads", "section", "types", "versions"),
        ),
        ("advantage", "folder_lock", "initial_states", "loss", "metrics", "placement"),
        ("algorithms",),
        ("config",),
        ("sizes",),
        ("collapse", "learning_rate", "notes", "planner", "schedule", "update", "video"),
        ("checkpoint", "rollout"),
        ("critic", "evaluation", "policy", "resume", "rollback", "run_folder", "self_imitation"),
        ("loggers", "runtime"),
        ("sft",),
        ("trainer",),
        ("train_loop",),
        ("run",),
        ("ablation", "eval_command", "eval_options"),
        ("ablate_command", "explain_command", "report", "sweep_command"),
        ("report_command",),
        ("cli",),
    ),
}


def imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Each (module, name or None) that a file imports anywhere but for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.orelse:
                yield from imports(statement)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield from ((node.module or "", alias.name) for alias in node.names)
        else:
            yield from imports(node)


def import_graph(source: Path, package: str) -> dict[str, set[str]]:
    """Module -> the modules of the same package that it imports."""
    paths = {}
    for path in (source / package).rglob("*.py"):
        parts = path.relative_to(source).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for module, path in paths.items():
        found = {
            f"{origin}.{name}" if f"{origin}.{name}" in paths else origin
            for origin, name in imports(ast.parse(path.read_text()))
        }
        graph[module] = (found & paths.keys()) - {module}
    return graph


def room(module: str) -> str:
    return [*module.split("."), ""][1]


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, or none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def source(package: str) -> Path:
    return PACKAGES / package / "src"


@pytest.mark.parametrize("package", ACYCLIC)
def test_no_circle(package):
    graph = import_graph(source(package), package)
    assert len(graph) > 10  # the folder is where this test looks for it
    assert circle(graph) == []


@pytest.mark.parametrize("package", LAYERS)
def test_no_arrow_runs_up(package):
    layer = {name: height for height, names in enumerate(LAYERS[package]) for name in names}
    graph = import_graph(source(package), package)
    assert {room(module) for module in graph} - layer.keys() == set(), "rooms without a layer"
    upward = [
        f"{module} -> {imported}"
        for module, found in graph.items()
        for imported in found
        if room(module) != room(imported) and layer[room(imported)] >= layer[room(module)]
    ]
    assert upward == []


def test_the_check_sees_imports_inside_functions_and_not_those_of_type_checkers(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "__init__.py").write_text("")
    (tmp_path / "p" / "low.py").write_text("def f():\n    from p import high\n")
    (tmp_path / "p" / "high.py").write_text("from p.low import f\n")
    graph = import_graph(tmp_path, "p")
    assert graph == {"p": set(), "p.low": {"p.high"}, "p.high": {"p.low"}}
    assert set(circle(graph)) == {"p.low", "p.high"}
    (tmp_path / "p" / "low.py").write_text("if TYPE_CHECKING:\n    from p.high import f\n")
    assert circle(import_graph(tmp_path, "p")) == []
