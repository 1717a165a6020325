"""All checks, in the order in which they rest on each other."""

from __future__ import annotations

from collections.abc import Iterator

from libero_gym.doctor.asset_set import check_asset_set
from libero_gym.doctor.finding import Finding
from libero_gym.doctor.opengl import check_opengl
from libero_gym.doctor.packages import check_packages, import_mujoco
from libero_gym.doctor.reference import check_simulation
from libero_gym.doctor.storage import check_cache


def examine() -> Iterator[Finding]:
    """Every finding, as soon as it is made; about a minute where scenes have to be compiled, else 10 s."""
    failed: set[str] = set()

    def noted(finding: Finding) -> Finding:
        if finding.status == "failed":
            failed.add(finding.check.split()[0])
        return finding

    for finding in check_packages():
        yield noted(finding)
    yield noted(check_cache())
    if "mujoco" in failed:
        yield Finding("opengl", "skipped", "needs a right MuJoCo")
    else:
        import_mujoco()
        for finding in check_opengl():
            yield noted(finding)
    needed = failed - {"opengl"}
    if needed:
        yield Finding("assets", "skipped", f"needs what failed above: {', '.join(sorted(needed))}")
    else:
        yield noted(check_asset_set())
    needed = failed - {"opengl"}
    if needed:
        yield Finding("settling", "skipped", f"needs what failed above: {', '.join(sorted(needed))}")
        return
    for finding in check_simulation(draw="opengl" not in failed):
        yield noted(finding)
