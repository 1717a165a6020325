"""The modules of vla_policy import downwards only, without circles."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import vla_policy

SOURCE = Path(vla_policy.__file__).parent

#: Modules and folders, top to bottom; within a layer any direction is allowed, but no circle.
LAYERS = [
    {"policy"},
    {"tiny"},
    {"pretrained"},
    {"checkpoint"},
    {"lora", "model", "observation", "policy_config", "preprocess", "prompt"},
    {"action_stats", "action_tokenizer", "dataset_statistics", "distribution", "value_head"},
    {"errors", "precision", "spaces", "validation"},
]


def runtime_imports(node: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    """Return the imports under a node, those inside functions included, those under `if TYPE_CHECKING` excluded."""
    found: list[ast.Import | ast.ImportFrom] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            found.append(child)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            found += [found_in for branch in child.orelse for found_in in runtime_imports(ast.Module([branch], []))]
        else:
            found += runtime_imports(child)
    return found


def import_graph(source: Path, package: str) -> dict[str, set[str]]:
    """Return the modules that each module of a package imports, by their names inside the package."""
    files = {".".join(path.relative_to(source).with_suffix("").parts): path for path in source.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in files.items() if name != "__init__"}
    graph = {}
    for module, path in modules.items():
        targets: set[str] = set()
        for node in runtime_imports(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            else:
                assert node.level == 0, f"{path}: relative imports are not read by this test"
                targets |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
        graph[module] = {name.removeprefix(f"{package}.") for name in targets if name.startswith(f"{package}.")}
        graph[module] = graph[module] & set(modules) - {module}
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return a circle of imports; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def layer_of(module: str) -> int:
    """Return the index of a module's layer, from the top."""
    (layer,) = [index for index, layer in enumerate(LAYERS) if module.split(".")[0] in layer]
    return layer


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    return import_graph(SOURCE, "vla_policy")


def test_there_is_no_circle(graph):
    assert len(graph) > 30  # the folder is where this test looks for it
    assert circle(graph) == []
    folders: dict[str, set[str]] = {}
    for module, targets in graph.items():
        folder = module.split(".")[0]
        folders.setdefault(folder, set()).update({target.split(".")[0] for target in targets} - {folder})
    assert circle(folders) == []


def test_no_arrow_runs_up(graph):
    assert {module.split(".")[0] for module in graph} == set().union(*LAYERS)
    up = [
        f"{module} -> {target}"
        for module, targets in graph.items()
        for target in targets
        if layer_of(target) < layer_of(module)
    ]
    assert up == []


def test_imports_inside_functions_count(tmp_path):
    (tmp_path / "a.py").write_text("from p.b import x\n")
    (tmp_path / "b.py").write_text("def f():\n    import p.c\n")
    (tmp_path / "c.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import f\nelse:\n    from p import a\n"
    )
    graph = import_graph(tmp_path, "p")
    assert graph == {"a": {"b"}, "b": {"c"}, "c": {"a"}}
    assert set(circle(graph)) == {"a", "b", "c"}
