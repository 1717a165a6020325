"""Films of episodes: the pictures that the policy saw, with what happened written under them.

environment --frame_of--> Frame, ... Film --draw--> pictures, one by one --encode--> mp4
             collector                              FilmWriter's thread
"""

from vla_trainer.video.draw import Cell
from vla_trainer.video.encode import film_name, write_films
from vla_trainer.video.frame import fps_of, frame_of
from vla_trainer.video.writer import FilmWriter, writer_of

__all__ = ["Cell", "FilmWriter", "film_name", "fps_of", "frame_of", "write_films", "writer_of"]
