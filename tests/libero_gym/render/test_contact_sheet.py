"""Where images and captions lie on a sheet."""

import numpy as np

from libero_gym.render.contact_sheet import Tile, contact_sheet

RED, GREEN = (200, 0, 0), (0, 200, 0)


def tile(caption="a"):
    return Tile((np.full((40, 40, 3), RED, np.uint8), np.full((40, 40, 3), GREEN, np.uint8)), caption)


def test_images_lie_side_by_side_in_rows():
    sheet = np.asarray(contact_sheet([tile(), tile(), tile()], columns=2))
    # Two columns of 2 x 40 pixels with margins of 6: 6 + 80 + 6 + 80 + 6.
    assert sheet.shape[1] == 178
    for left in (6, 92):
        assert (sheet[6:46, left : left + 40] == RED).all()
        assert (sheet[6:46, left + 40 : left + 80] == GREEN).all()
    second = sheet[sheet.shape[0] // 2 :]
    assert (second[:, 92:172] == 255).all()  # the fourth place is empty
    assert (second[:, 6:46] == RED).all(axis=2).sum() == 1600


def test_captions_are_dark_under_their_picture_and_a_long_one_makes_room():
    short, long = contact_sheet([tile("ab")], 1), contact_sheet([tile("many words " * 10)], 1)
    below = np.asarray(short)[47:, 6:86]
    assert below.min() < 100
    assert np.asarray(short)[:, 86:].min() == 255
    assert long.width == short.width
    assert long.height > short.height + 30
    assert np.asarray(long)[47:, 87:].min() == 255  # no line runs over the edge


def test_fewer_tiles_than_columns():
    assert contact_sheet([tile()], columns=7).width == 92
