"""Videos are readable mp4 files with even sides, upright; writing them never holds up or ends a run."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vla_trainer.config.schema import VideoConfig
from vla_trainer.types import Episode, Frame, InitialState, Video
from vla_trainer.video import VideoWriter, encode, frame_of, write_videos
from vla_trainer.video.draw import Cell
from vla_trainer.video.encode import grid_columns, video_name
from vla_trainer.video.side_by_side import write_beside, write_pairs

LONG = "put the bowl that stands between the plate and the ramekin on the plate that is on the stove"


def image(size: int) -> np.ndarray:
    image = np.zeros((size, size, 3), np.uint8)
    image[0, 0] = 255
    return image


def video(images: int = 4, size: int = 33, task: int | None = 3, success: bool | None = True, **frame: Any) -> Video:
    given = {"other_images": (), "instruction": "open the drawer", "success": success, **frame}
    frames = [Frame(image(size), env_step=step, episode_return=0.5 * step, **given) for step in range(images)]
    return Video(frames, Episode(InitialState(0), 1.0, images, images, bool(success), success, task, None, 7))


def read(path: Path) -> np.ndarray:
    import imageio.v3 as iio

    return iio.imread(path)


def test_an_mp4_that_players_open(tmp_path: Path) -> None:
    from moviepy import VideoFileClip

    (path,) = write_videos(
        [video(other_images=[image(33)])],
        tmp_path / "videos",
        "train/iteration_000010",
        2.5,
        info=True,
        layout="single",
    )
    assert path == tmp_path / "videos/train/iteration_000010_task03_state07_success.mp4"
    with VideoFileClip(str(path)) as clip:
        # 4 images and a second of the last one
        assert clip.duration == pytest.approx(4 / 2.5 + 1, abs=0.25)
        assert clip.w % 2 == clip.h % 2 == 0
        assert clip.w > clip.h
        info = clip.reader.infos
    assert info["video_codec_name"] == "h264"
    data = path.read_bytes()
    assert b"avc1" in data
    # chroma_format_idc 1 (4:2:0) and 8 bits: profile 100 (High) of avcC says no 4:2:2 or 4:4:4
    assert data[data.index(b"avcC") + 5] == 100
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_names_tell_what_is_known() -> None:
    assert video_name("a", video(success=False)) == "a_task03_state07_failure"
    assert video_name("a", Video(video().frames, Episode(InitialState(0), 1.0, 1, 1, False, None))) == "a"


def test_videos_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    paths = write_videos([video(2), video(2), video(2)], tmp_path, "a", 10, info=False, layout="single")
    assert [path.stem.removeprefix("a_task03_state07_success") for path in paths] == ["", "_2", "_3"]
    assert all(path.exists() for path in paths)
    assert write_videos([], tmp_path, "b", 10, info=False, layout="single") == []


def test_the_text_is_under_the_image_and_the_height_is_fixed() -> None:
    frames = video(2, size=64).frames
    mixed = Video([frames[0], Frame(image(64), (), LONG, 10, -1.5, True, 0.25)], video().episode)
    bare, written = Cell(mixed, info=False), Cell(mixed, info=True)
    assert (bare.width, bare.height) == (256, 256)
    images = [written.draw(index) for index in range(2)]
    assert images[0].shape == images[1].shape == (written.height, 256, 3)
    np.testing.assert_array_equal(images[0][:256], bare.draw(0))
    assert images[0][256:].max() == 255
    # nothing is cut off: the last rows and columns are empty
    assert images[1][-3:].max() == 0
    assert images[1][256:, -3:].max() == 0


@pytest.mark.parametrize(("cells", "columns"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (9, 3), (10, 4)])
def test_the_grid_is_nearly_square(cells: int, columns: int) -> None:
    # cells of 256 x 280: two beside each other are 512 wide, two under each other 560 high, so 2 takes 512 x 280
    assert grid_columns(cells, 256, 280) == columns


def test_tiles_hold_their_last_image_dimmed(tmp_path: Path) -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    short, longer = video(2, size=64), video(5, size=64, success=False)
    videos = [Video([Frame(white, (), "", 0, 0.0, True)] * 2, short.episode), longer]
    (path,) = write_videos(videos, tmp_path, "tiled", 10, info=False, layout="tiled")
    assert path.name == "tiled.mp4"
    images = read(path)
    # 5 images, one with how they ended, and a second of that at 10 images a second
    assert images.shape == (16, 256, 512, 3)
    left = images[:, 200, 10].mean(-1)
    assert left[0] > 240
    assert left[1] > 240
    assert left[3] == pytest.approx(102, abs=8)  # 0.4 of 255
    assert images[4, 100:150, 60:200].max() > 150  # "success" is written over it


def test_images_are_rendered_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    draw, write = Cell.draw, encode._write
    monkeypatch.setattr(Cell, "draw", lambda *a, **k: (order.append("draw"), draw(*a, **k))[1])
    monkeypatch.setattr(encode, "_write", lambda *a: (order.append("write"), write(*a))[1])
    write_videos([video(3)], tmp_path, "a", 10, info=True, layout="single")
    assert order == ["draw", "write"] * 3 + ["write"]


def test_a_writer_writes_beside_and_waits_when_it_is_closed(tmp_path: Path) -> None:
    with VideoWriter(tmp_path, 10, info=True, layout="single") as writer:
        writer.write([video()], "train/iteration_000001")
        writer.write([], "nothing")
    assert [path.name for path in tmp_path.rglob("*.mp4")] == ["iteration_000001_task03_state07_success.mp4"]


def test_a_full_queue_drops_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go, written, warnings = threading.Event(), [], []
    begun = threading.Event()

    def slow(videos: Any, folder: Path, name: str, *_: Any, **__: Any) -> None:
        begun.set()
        assert go.wait(10)
        written.append(name)

    monkeypatch.setattr("vla_trainer.video.writer.write_videos", slow)
    writer = VideoWriter(tmp_path, 10, info=True, layout="single", say=warnings.append, waiting=2)
    writer.write([video()], "0")
    assert begun.wait(10)
    for number in range(1, 6):
        writer.write([video(), video()], str(number))
    assert len(warnings) == 1
    assert writer.dropped == 6
    go.set()
    writer.close()
    assert written == ["0", "1", "2"]
    assert warnings[1:] == ["warning: 6 videos were not written, because others were still being encoded"]


def test_no_ffmpeg_and_a_full_disk_are_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from moviepy.video.io import ffmpeg_writer

    warnings: list[str] = []
    with VideoWriter(tmp_path, 10, info=True, layout="single", say=warnings.append) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(ffmpeg_writer, "FFMPEG_BINARY", "/no/such/ffmpeg")
            writer.write([video()], "a")
            writer.close()
        with monkeypatch.context() as patch:
            # /dev/full takes nothing, as a full disk does
            patch.setattr(encode.atomic_files, "temporary_path", lambda path: tmp_path / "full")
            (tmp_path / "full").symlink_to("/dev/full")
            writer.write([video()], "b")
            writer.close()
        writer.write([video()], "c")
    assert writer.failed == 2
    assert len(warnings) == 2
    assert warnings[0].startswith("warning: video a was not written: FileNotFoundError: ")
    assert warnings[1].startswith("warning: video b was not written: OSError: ")
    assert "No space left on device" in warnings[1]
    assert all("\n" not in line for line in warnings)
    assert [path.name for path in tmp_path.iterdir()] == ["c_task03_state07_success.mp4"]


@pytest.mark.parametrize(("flip", "corner"), [(None, (0, 0)), ("horizontal", (0, -1))])
def test_people_see_it_upright_and_not_mirrored(flip: str | None, corner: tuple[int, int]) -> None:
    envs: Any = SimpleNamespace(metadata={"image_flip": flip}, render_mode=None)
    frame = frame_of(envs, {"image": image(8)[None]}, 0, env_step=0, episode_return=0.0, success=None)
    assert frame is not None
    assert frame.image[corner].max() == 255


def test_environments_without_images_have_no_video() -> None:
    envs: Any = SimpleNamespace(metadata={}, render_mode=None)
    assert frame_of(envs, np.zeros((1, 3)), 0, env_step=0, episode_return=0.0, success=None) is None


class _Renders:
    """Environments with images of 8 pixels that render 16 for people, the number of the environment in each."""

    metadata: dict[str, Any] = {}  # noqa: RUF012
    render_mode = "rgb_array"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def render_env(self, index: int) -> np.ndarray:
        self.calls.append(index)
        return np.full((16, 16, 3), index, np.uint8)


def test_what_is_rendered_for_people_is_shown_instead_of_what_the_policy_sees() -> None:
    envs: Any = _Renders()
    obs = {"image": np.zeros((3, 8, 8, 3), np.uint8), "wrist_image": np.full((3, 8, 8, 3), 9, np.uint8)}
    frame = frame_of(envs, obs, 2, env_step=0, episode_return=0.0, success=None)
    assert frame is not None
    assert frame.image.shape == (16, 16, 3)
    assert (frame.image == 2).all()
    assert envs.calls == [2]  # the others are not rendered
    assert [other.shape for other in frame.other_images] == [(8, 8, 3)]


def test_the_same_state_before_and_after(tmp_path: Path) -> None:
    """State 7 is in both; that of the short episode stays, dimmed, until the other one ends."""
    from moviepy import VideoFileClip

    for folder, weights, images in (("a", "step_000002", 2), ("b", "step_000040", 30)):
        frame = Frame(np.full((32, 32, 3), 200, np.uint8), (), "", 0, 0.0, True)
        episode = video().episode
        write_videos([Video([frame] * images, episode)], tmp_path / folder, weights, 10.0, info=False, layout="single")
    (tmp_path / "b" / "step_000040_task03_state08_success.mp4").write_bytes(b"of a state that the other lacks")
    (tmp_path / "b" / "notes.mp4").write_bytes(b"of no state")
    (written,) = write_pairs(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert written.name == "task03_state07.mp4"
    with (
        VideoFileClip(str(tmp_path / "a" / "step_000002_task03_state07_success.mp4")) as short,
        VideoFileClip(str(tmp_path / "b" / "step_000040_task03_state07_success.mp4")) as long,
        VideoFileClip(str(written)) as both,
    ):
        assert both.w >= short.w + long.w
        assert both.h > long.h  # a line of text above
        assert both.duration >= long.duration > short.duration
        first, last = both.get_frame(0), both.get_frame(both.duration - 0.1)
        left = np.s_[-short.h :, : short.w]
        # 0.4 of 200, up to what H.264 rounds
        assert abs(first[left].mean() - 200) < 4
        assert abs(last[left].mean() - 80) < 4
        assert abs(last[-long.h :, -long.w :].mean() - 200) < 4


def test_before_and_after_never_stop_a_run(tmp_path: Path) -> None:
    lines: list[str] = []
    write_beside(VideoConfig(beside=str(tmp_path / "none")), tmp_path, lines.append)
    assert "has no video of an initial state" in lines.pop()
    folders = [tmp_path / "other" / "video" / "eval", tmp_path / "video" / "eval"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "step_000002_task03_state07.mp4").write_bytes(b"no video")
    write_beside(VideoConfig(beside=str(tmp_path / "other")), tmp_path, lines.append)
    assert lines.pop().startswith("warning: no video was written beside those of")
    write_beside(VideoConfig(), tmp_path, lines.append)
    assert not lines
