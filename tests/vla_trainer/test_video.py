"""Films are readable mp4 files with even sides, upright."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vla_trainer.records import Frame
from vla_trainer.video import draw, frame_of, write_video


def picture(size: int) -> np.ndarray:
    image = np.zeros((size, size, 3), np.uint8)
    image[0, 0] = 255
    return image


def test_an_mp4_that_players_open(tmp_path: Path) -> None:
    from moviepy import VideoFileClip

    frames = [
        Frame(picture(33), picture(33), "put the bowl on the plate", step, 0.5 * step, step == 3) for step in range(4)
    ]
    path = tmp_path / "films" / "one.mp4"
    write_video(frames, path, fps=2.5, info=True)
    with VideoFileClip(str(path)) as clip:
        assert clip.duration == pytest.approx(4 / 2.5, abs=0.11)
        assert clip.w % 2 == 0
        assert clip.h % 2 == 0
        assert clip.w > clip.h
    assert b"avc1" in path.read_bytes()  # H.264


def test_the_writing_is_under_the_picture() -> None:
    frame = Frame(picture(64), None, "open the drawer", 8, 1.25, True)
    bare, written = draw(frame, info=False), draw(frame, info=True)
    assert bare.shape == (256, 256, 3)
    assert written.shape[0] > 256
    np.testing.assert_array_equal(written[:256], bare)
    assert written[256:].max() == 255


@pytest.mark.parametrize(("orientation", "corner"), [("upright", (0, 0)), ("rot180", (0, -1))])
def test_people_see_it_upright_and_not_mirrored(orientation: str, corner: tuple[int, int]) -> None:
    envs = SimpleNamespace(metadata={"image_orientation": orientation}, render_mode=None)
    frame = frame_of(envs, {"image": picture(8)[None]}, 0, env_step=0, episode_return=0.0, success=None)
    assert frame is not None
    assert frame.image[corner].max() == 255


def test_environments_without_pictures_have_no_film() -> None:
    envs = SimpleNamespace(metadata={}, render_mode=None)
    assert frame_of(envs, np.zeros((1, 3)), 0, env_step=0, episode_return=0.0, success=None) is None
