"""Videos of episodes: the images that the policy saw, with step, reward and success written under them.

environment --frame_of--> Frame, ... Video --draw--> images, one by one --encode--> mp4
             collector                              VideoWriter's thread
"""

from vla_trainer.video.draw import Cell
from vla_trainer.video.encode import video_name, write_videos
from vla_trainer.video.frame import fps_of, frame_of
from vla_trainer.video.side_by_side import write_beside
from vla_trainer.video.writer import VideoWriter, folder_of, writer_of

__all__ = [
    "Cell",
    "VideoWriter",
    "folder_of",
    "fps_of",
    "frame_of",
    "video_name",
    "write_beside",
    "write_videos",
    "writer_of",
]
