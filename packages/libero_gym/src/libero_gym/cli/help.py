"""How the commands are grouped, and the examples below their help."""

from __future__ import annotations

from typing import Any

import click


class Group(click.Group):
    """A group with its commands in the order in which they were added, which leaves with 130 when interrupted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of a command line; where there are none, print help on standard output, and leave with 2."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that the words name."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)  # as shells do; click's own is 1


def examples(*lines: str) -> str:
    """Return an epilog with examples, a line each, which a terminal leaves whole to be copied."""
    return "\n  ".join(["\b\nExamples:" if len(lines) > 1 else "\b\nExample:", *lines])
