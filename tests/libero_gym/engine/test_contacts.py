"""How fast a penetration is pushed out, for time steps of 2 and of 5 ms."""

import mujoco
import numpy as np
import pytest

from libero_gym.engine.contacts import keep_stiffness

DEEP = 1e-4
SCENE = """
<mujoco>
  <option timestep="{step}" gravity="0 0 -20"/>
  <default><geom solref="{solref}" solimp="0.998 0.998 0.001" friction="0 0 0"/></default>
  <worldbody>
    <geom type="plane" size="1 1 1"/>
    <body pos="0 0 0.0499"><freejoint/><geom type="sphere" size="0.05"/></body>
  </worldbody>
</mujoco>
"""


def left_after(model: mujoco.MjModel, seconds: float) -> float:
    """Share of a penetration of 0.1 mm that is left, where the weight keeps the two together."""
    data = mujoco.MjData(model)
    for _ in range(round(seconds / model.opt.timestep)):
        mujoco.mj_step(model, data)
    return (0.05 - data.qpos[2]) / DEEP


def model_of(step: float, solref: str = "0.001 1") -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(SCENE.format(step=step, solref=solref))


def test_a_penetration_is_pushed_out_as_fast_as_with_the_published_step():
    # 3/4 of it is left after each 2 ms: 0.75^5 = 0.237 after 10
    assert left_after(model_of(0.002), 0.01) == pytest.approx(0.75**5, rel=0.02)
    soft = model_of(0.005)
    # as MuJoCo would have it, 3/4 are left after each 5 ms
    assert left_after(soft, 0.01) == pytest.approx(0.75**2, rel=0.02)
    keep_stiffness(soft, 0.002)
    assert left_after(soft, 0.01) == pytest.approx(0.75**5, rel=0.02)
    # 1 - 1 / (4 z^2) = 0.75^2.5 = 0.48714
    assert soft.geom_solref[:, 1] == pytest.approx(0.69819, abs=1e-5)


@pytest.mark.parametrize("solref", ["0.02 1", "0.001 0.5", "-9000 -500"])
def test_other_contacts_stay_as_they_are(solref: str):
    model = model_of(0.005, solref)
    before = model.geom_solref.copy()
    keep_stiffness(model, 0.002)
    assert np.array_equal(model.geom_solref, before)


def test_nothing_changes_with_the_published_step():
    model = model_of(0.002)
    keep_stiffness(model, 0.002)
    # 1 - 1 / 4 = 0.75^1
    assert model.geom_solref[:, 1] == pytest.approx(1.0)
