"""Run all checks, each after those that it depends on."""

from __future__ import annotations

from collections.abc import Iterator

from libero_gym.doctor.asset_set import check_asset_set
from libero_gym.doctor.check_result import CheckResult
from libero_gym.doctor.opengl import check_opengl
from libero_gym.doctor.packages import check_packages, import_mujoco
from libero_gym.doctor.reference import check_simulation
from libero_gym.doctor.storage import check_cache


def examine() -> Iterator[CheckResult]:
    """Yield every result as soon as it is there; takes 10 s, or a minute where scenes have to be compiled."""
    failed: set[str] = set()

    def recorded(result: CheckResult) -> CheckResult:
        if result.status == "failed":
            failed.add(result.check.split()[0])
        return result

    for result in check_packages():
        yield recorded(result)
    yield recorded(check_cache())
    if "mujoco" in failed:
        yield CheckResult("opengl", "skipped", "needs a working MuJoCo")
    else:
        import_mujoco()
        for result in check_opengl():
            yield recorded(result)
    needed = failed - {"opengl"}
    if needed:
        yield CheckResult("assets", "skipped", f"needs what failed above: {', '.join(sorted(needed))}")
    else:
        yield recorded(check_asset_set())
    needed = failed - {"opengl"}
    if needed:
        yield CheckResult("settling", "skipped", f"needs what failed above: {', '.join(sorted(needed))}")
        return
    for result in check_simulation(render="opengl" not in failed):
        yield recorded(result)
