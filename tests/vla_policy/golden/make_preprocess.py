"""Makes `preprocess.npz` with TensorFlow: the operations of the published image pipeline, one after another.

Run by hand where TensorFlow is (`python make_preprocess.py`; 2.21 made the file in the repository). The tests need
the file alone. Operations and constants: openvla-oft 213c5ff, `openvla_utils.py::{resize_image_for_policy,
center_crop_image}`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from sample_images import sample_images

#: Sides of the env's image and of the result.
CASES = {"down": (256, 224), "up": (128, 224), "same": (224, 224), "small": (96, 64)}


def main() -> None:
    golden = {}
    for name, (side, size) in CASES.items():
        images = sample_images(side, side)
        jpeg = np.stack([tf.io.decode_image(tf.io.encode_jpeg(image), dtype=tf.uint8).numpy() for image in images])
        resized = tf.image.resize(jpeg, (size, size), method="lanczos3", antialias=True)
        resized = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
        side_length = tf.sqrt(0.9)
        low, high = (1 - side_length) / 2, (1 + side_length) / 2
        boxes = tf.tile([[low, low, high, high]], [len(images), 1])
        floats = tf.image.convert_image_dtype(resized, tf.float32)
        cropped = tf.image.crop_and_resize(floats, boxes, range(len(images)), (size, size))
        cropped = tf.image.convert_image_dtype(tf.clip_by_value(cropped, 0, 1), tf.uint8, saturate=True)
        stages = {"jpeg": jpeg, "resized": resized.numpy(), "cropped": cropped.numpy()}
        # Whole arrays of the small case; of the others a part of the last stage, which all the others lead to.
        for stage, array in stages.items():
            if name == "small":
                golden[f"{name}_{stage}"] = array
            elif stage == "cropped":
                golden[f"{name}_{stage}"] = array[:, ::4, ::4]
    np.savez_compressed(Path(__file__).with_name("preprocess.npz"), **golden)


if __name__ == "__main__":
    main()
