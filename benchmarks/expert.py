"""The scripted expert on published initial states: `python benchmarks/expert.py [--suites libero_90] [--summary FILE]`.

Each episode is played without rendering, within the suite's time limit, with the state's number as the seed. The file
has of every asset set, suite and task: how many states were tried and solved, control steps of those that were, wall
seconds, and each failure's state and reason. It is written after every task; an episode that is in it is not played
again; `--again` drops a task's episodes that another version of the expert played. `--summary` writes the tasks without
their episodes, which is benchmarks/results/expert.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from compact_json import write_json
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

import libero_gym.expert
from libero_gym.assets import resolve_assets
from libero_gym.env import LiberoEnv
from libero_gym.expert import Expert
from libero_gym.tasks import load_suite

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
STATES = 50
RESULTS = Path("runs/expert.json")
Episode = dict[str, Any]
"""state, solved, steps, seconds, notes, unmet (predicates that did not hold at the end), expert (its version)."""
Figures = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""Asset set -> suite -> task's index as a string -> the task's row, with its episodes."""


def version() -> str:
    """Return a digest of the expert's source."""
    digest = hashlib.sha256()
    for file in sorted(Path(libero_gym.expert.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def play(assets: str, suite: str, task: int, states: list[int], expert: str) -> list[Episode]:
    """Play the expert on some states of a task and return an episode each."""
    env = LiberoEnv(suite, task=task, cameras=(), assets=assets)
    episodes = []
    for state in states:
        env.reset(seed=state, options={"init_state": state})
        begin, steps, solved = time.perf_counter(), 0, False
        notes: list[str] = []
        try:
            actor = Expert(env.world, np.random.default_rng(state))
            notes = actor.notes
            for action in actor.actions():
                *_, solved, truncated, _ = env.step(action.astype(np.float32))
                steps += 1
                if truncated:
                    notes.append("out of time")
                if solved or truncated:
                    break
        except Exception as error:  # one task's error must not lose the others' figures
            notes.append(f"{type(error).__name__}: {error}")
        met = env.world.goal.satisfied(env.data)
        unmet = [
            f"{atom.name}({', '.join(atom.arguments)})"
            for atom, holds in zip(env.world.scene.table.goal, met, strict=True)
            if not holds
        ]
        episodes.append(
            {
                "state": state,
                "solved": bool(solved),
                "steps": steps,
                "seconds": round(time.perf_counter() - begin, 2),
                "notes": notes,
                "unmet": [] if solved else unmet,
                "expert": expert,
            }
        )
    env.close()
    return episodes


def row(instruction: str, episodes: list[Episode]) -> dict[str, Any]:
    """Return a task's figures from its episodes."""
    solved = [episode for episode in episodes if episode["solved"]]
    return {
        "instruction": instruction,
        "tried": len(episodes),
        "solved": len(solved),
        "steps": round(statistics.mean(episode["steps"] for episode in solved), 1) if solved else None,
        "seconds": round(statistics.mean(episode["seconds"] for episode in episodes), 2) if episodes else None,
        "failures": [
            {key: episode[key] for key in ("state", "unmet", "notes")} for episode in episodes if not episode["solved"]
        ],
        "episodes": sorted(episodes, key=lambda episode: episode["state"]),
    }


def merged(before: list[Episode], after: list[Episode]) -> list[Episode]:
    """Return the episodes of both, `after`'s where both have a state, in the order of states."""
    by_state = {episode["state"]: episode for episode in [*before, *after]}
    return [by_state[state] for state in sorted(by_state)]


def left(episodes: list[Episode], states: list[int]) -> list[int]:
    """Return the states that are still to be played."""
    have = {episode["state"] for episode in episodes}
    return [state for state in states if state not in have]


def chosen_states(choice: str | None, per_task: int) -> list[int]:
    """Return the states of "START:STOP:STEP" or "0,3,7", else `per_task` states, evenly among all.

    Raises:
        ValueError: a choice of another form, or of states that there are not.
    """
    if choice is None:
        states = [round(i * STATES / per_task) for i in range(per_task)]
    elif ":" in choice:
        states = list(range(STATES))[slice(*(int(part) if part else None for part in choice.split(":")))]
    else:
        states = [int(part) for part in choice.split(",")]
    if not states or not all(0 <= state < STATES for state in states):
        raise ValueError(f"states {choice or per_task}: allowed are some of 0 to {STATES - 1}, as 0:50:5 or 0,7,20")
    return states


def summary(figures: Figures) -> Figures:
    """Return the figures without their episodes."""
    return {
        assets: {
            suite: {task: {key: figure[key] for key in figure if key != "episodes"} for task, figure in tasks.items()}
            for suite, tasks in suites.items()
        }
        for assets, suites in figures.items()
    }


def tasks_of(figures: Figures) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield asset set, suite, task and row, in order."""
    for assets, suites in figures.items():
        for suite in sorted(suites, key=SUITES.index):
            for task in sorted(suites[suite], key=int):
                yield assets, suite, task, suites[suite][task]


def totals(figures: Figures) -> dict[str, dict[str, tuple[int, int]]]:
    """Return suite -> asset set -> (solved, tried)."""
    sums: dict[str, dict[str, tuple[int, int]]] = {}
    for assets, suite, _, task in tasks_of(figures):
        solved, tried = sums.setdefault(suite, {}).get(assets, (0, 0))
        sums[suite][assets] = (solved + task["solved"], tried + task["tried"])
    return {suite: sums[suite] for suite in SUITES if suite in sums}


def reason(task: dict[str, Any]) -> str:
    """Return the kinds of a task's failures, with the states of each."""
    kinds: dict[str, list[int]] = {}
    for failure in task["failures"]:
        last = [
            note
            for note in failure["notes"]
            if not note.endswith("trials") and note not in ("replanned", "planned anew")
        ][-1:]
        kinds.setdefault("; ".join([*failure["unmet"], *last]), []).append(failure["state"])
    return " / ".join(f"{', '.join(map(str, states))}: {what}" for what, states in kinds.items())


def markdown(figures: Figures) -> str:
    """Return the docs' tables: suites by asset set, and the tasks of each suite."""
    sums, sets = totals(figures), list(figures)
    lines = [f"| suite | {' | '.join(sets)} |", f"|---|{'---|' * len(sets)}"]
    for suite, by_set in sums.items():
        lines.append(f"| {suite} | {' | '.join(_share(*by_set[name]) if name in by_set else '' for name in sets)} |")
    for suite in sums:
        lines += [
            "",
            f"### {suite}",
            "",
            f"| | task | {' | '.join(sets)} | steps |",
            f"|---|---|{'---|' * len(sets)}---|",
        ]
        rows: dict[str, dict[str, dict[str, Any]]] = {}
        for assets, of, task, figure in tasks_of(figures):
            if of == suite:
                rows.setdefault(task, {})[assets] = figure
        for task in sorted(rows, key=int):
            by_set = rows[task]
            first = next(iter(by_set.values()))
            cells = [f"{by_set[name]['solved']}/{by_set[name]['tried']}" if name in by_set else "" for name in sets]
            steps = next((f"{figure['steps']:.0f}" for figure in by_set.values() if figure["steps"]), "")
            lines.append(f"| {task} | {first['instruction']} | {' | '.join(cells)} | {steps} |")
    return "\n".join(lines)


def _share(solved: int, tried: int) -> str:
    return f"{solved} of {tried}: {solved / tried:.0%}"


def report(figures: Figures, console: Console) -> None:
    """Print a table of tasks and a line for each suite."""
    table = Table("set", "suite", "", "task", "solved", "steps", "seconds", "failed: states, why")
    for assets, suite, task, figure in tasks_of(figures):
        table.add_row(
            assets,
            suite.removeprefix("libero_"),
            task,
            figure["instruction"],
            f"{figure['solved']}/{figure['tried']}",
            f"{figure['steps']:.0f}" if figure["steps"] else "",
            f"{figure['seconds']:.0f}",
            reason(figure),
        )
    console.print(table)
    for suite, sums in totals(figures).items():
        console.print(suite, *(f"{name}: {_share(*counts)}" for name, counts in sums.items()), sep="  ")


def measure(figures: Figures, given: argparse.Namespace, states: list[int]) -> None:
    """Play the episodes that are not in the figures yet; write the file after every task."""
    expert = version()
    with ProcessPoolExecutor(given.workers) as pool:
        futures = {}
        for assets in given.assets:
            name = resolve_assets(assets).name
            for suite in given.suites:
                for task in load_suite(suite).tasks:
                    if given.tasks and task.index not in given.tasks:
                        continue
                    old = figures.get(name, {}).get(suite, {}).get(str(task.index), {}).get("episodes", [])
                    if given.again:
                        old = [episode for episode in old if episode["expert"] == expert]
                    todo = left(old, states)
                    if todo:
                        future = pool.submit(play, assets, suite, task.index, todo, expert)
                        futures[future] = (name, suite, task, old, len(todo))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as progress:
            bar = progress.add_task("episodes", total=sum(count for *_, count in futures.values()))
            for future in as_completed(futures):
                name, suite, task, old, count = futures[future]
                tasks = figures.setdefault(name, {}).setdefault(suite, {})
                tasks[str(task.index)] = row(task.instruction, merged(old, future.result()))
                write_json(given.json, figures)
                progress.advance(bar, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", nargs="+", default=list(SUITES), choices=SUITES)
    parser.add_argument("--tasks", nargs="+", type=int, help="indices, of every suite; else all")
    parser.add_argument("--assets", nargs="+", default=["builtin"], help="asset sets: builtin, official, folders")
    parser.add_argument("--states", help="published states: 0:50:5, or 0,7,20")
    parser.add_argument("--per-task", type=int, default=5, help="else so many, evenly among the 50")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, default=RESULTS, help="the figures, kept and added to")
    parser.add_argument("--summary", type=Path, help="also write the tasks' figures, without episodes")
    parser.add_argument("--again", action="store_true", help="instead of what another version of it played")
    parser.add_argument("--markdown", action="store_true", help="play nothing; print the figures as tables of a page")
    given = parser.parse_args()
    try:
        states = chosen_states(given.states, given.per_task)
    except ValueError as error:
        parser.error(str(error))
    figures: Figures = json.loads(given.json.read_text()) if given.json.is_file() else {}
    if given.markdown:
        print(markdown(figures))
        return
    measure(figures, given, states)
    if given.summary is not None:
        write_json(given.summary, summary(figures))
    report(figures, Console(width=180))


if __name__ == "__main__":
    main()
