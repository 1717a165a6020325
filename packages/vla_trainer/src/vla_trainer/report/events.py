"""What went wrong in a run for a while: signs of a collapse, updates that were undone, optimizer steps left out."""

from dataclasses import dataclass

from vla_trainer.collapse import CollapseGuard
from vla_trainer.notes import Notes
from vla_trainer.report.folders import RunData

SIGNS = "trainer/collapse_signs"
UNDONE = "actor/undone_updates"
SKIPPED = "actor/skipped_steps"


@dataclass(frozen=True)
class Event:
    """Something in an iteration that a reader of the curves should know."""

    iteration: int
    kind: str
    text: str


def events_of(run: RunData) -> list[Event]:
    """Return the events of a run in order.

    metrics.jsonl has the number of signs alone. The guard and the notes say again what they said while the run went on,
    from the same metrics. Where the guard finds another number, as after a rollback, only the number is reported.
    """
    guard = CollapseGuard() if run.config is None else CollapseGuard.of(run.config, None)
    lines: list[str] = []
    notes = None if run.config is None else Notes(run.config, lines.append)
    found: list[Event] = []
    for row in run.rows:
        signs = guard.look(row.iteration, row.metrics)
        if count := round(row.metrics.get(SIGNS, 0.0)):
            if len(signs) == count:
                found += [Event(row.iteration, "collapse sign", str(sign)) for sign in signs]
            else:
                found.append(Event(row.iteration, "collapse sign", f"{count} metrics outside their range"))
        if row.metrics.get(UNDONE):
            kl = row.metrics.get("actor/update_kl")
            moved = "" if kl is None else f": the policy had moved by {kl:.3g} nats"
            found.append(Event(row.iteration, "update undone", f"The update went too far and was undone{moved}."))
        if notes is not None:
            notes.look(row.iteration, row.metrics)
            found += [Event(row.iteration, "note", line.partition(f"iteration {row.iteration}: ")[2]) for line in lines]
            lines.clear()
        elif skipped := row.metrics.get(SKIPPED):
            found.append(Event(row.iteration, "note", f"{skipped:.0f} optimizer steps skipped"))
    return found
