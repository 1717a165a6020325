"""Spoil images as sensors do: noise, blur, motion and exposure. Depth, segmentation and `state` stay exact."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from libero_gym.shifts.severity import severity

KINDS = ("noise", "blur", "motion", "exposure")
#: Largest changes, at level 5: standard deviation of the noise, of 255; radius of the blur and length of the motion,
#: of the image's height; logarithm of the exposure.
NOISE, BLUR, MOTION, EXPOSURE = 60.0, 1 / 64, 1 / 16, 1.2
#: Samples of the noise that is added: so many are sampled once, and each image takes a run of them.
_SAMPLES = 1 << 20


@dataclass(frozen=True)
class ImageNoise:
    """How a variant spoils images."""

    kind: str
    amount: float
    """(0, 1], a share of the largest change."""
    seed: int

    @classmethod
    def sample(cls, level: int, rng: np.random.Generator) -> ImageNoise:
        """Sample what a variant does.

        Args:
            level: 1..5.
            rng: of the variant.
        """
        return cls(str(rng.choice(KINDS)), severity(level, rng), int(rng.integers(2**31)))

    def spoil(self, image: np.ndarray, camera: int, seed: int, step: int) -> None:
        """Spoil an image in place, from these numbers alone.

        Args:
            image: (S, S, 3) uint8.
            camera: its camera's number.
            seed: of the episode.
            step: control steps since the episode's beginning.
        """
        size = image.shape[0]
        if self.kind == "noise":
            rng = np.random.default_rng([self.seed, camera, seed, step])
            noise = _noise(round(NOISE * self.amount * 4))
            start = int(rng.integers(_SAMPLES - image.size)) if image.size < _SAMPLES else 0
            run = noise[start : start + image.size] if image.size < _SAMPLES else np.resize(noise, image.size)
            mixed = image.reshape(-1) + run
            np.clip(mixed, 0, 255, out=mixed)
            image.reshape(-1)[:] = mixed
        elif self.kind == "blur":
            image[:] = _blurred(image, max(BLUR * self.amount * size, 0.3))
        elif self.kind == "motion":
            length = max(round(MOTION * self.amount * size), 2)
            image[:] = _moved(image, length, axis=self.seed % 2)
        else:
            gain = np.exp(EXPOSURE * self.amount * (1 if self.seed % 2 else -1))
            image[:] = _exposed(float(gain))[image]


@functools.lru_cache(maxsize=64)
def _noise(quarters: int) -> np.ndarray:
    """Return normal noise, (`_SAMPLES`,) int16, of a standard deviation in quarters of a grey level."""
    sampled = np.random.default_rng(0).standard_normal(_SAMPLES, dtype=np.float32)
    sampled *= quarters / 4
    return np.rint(sampled, out=sampled).astype(np.int16)


@functools.lru_cache(maxsize=256)
def _exposed(gain: float) -> np.ndarray:
    """Return the value of each of 256 grey levels after an exposure that is `gain` times as long."""
    return np.clip(np.rint(np.arange(256) * gain), 0, 255).astype(np.uint8)


def _blurred(image: np.ndarray, radius: float) -> np.ndarray:
    """Return an image convolved with a smooth kernel of a standard deviation, edges repeated.

    The kernels [w, 1 - 2 w, w] with w = 1/4 are applied at distances 1, 2, 4, ..., as in the a trous wavelet transform
    (Holschneider et al. 1989). Each adds 2 w distance^2 to the variance. What is missing is added by a smaller w,
    first, while values have 8 bits. This takes less than half of Pillow's time.

    Args:
        image: (S, S, 3) uint8.
        radius: standard deviation in pixels.
    """
    distances, missing, distance = [], radius**2, 1
    while missing >= (whole := distance**2 / 2):
        distances.append(distance)
        missing -= whole
        if missing > whole:
            distance *= 2
    share = round(64 * missing / whole)  # w in 256ths
    margin = sum(distances) + distance
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge").astype(np.uint16)
    # as one line of numbers, in which a neighbour is so far away; only the margin gets what is of no row or column
    values, steps = padded.reshape(-1), (padded.shape[1] * 3, 3)
    mixed, sums = np.empty_like(values), np.empty_like(values)
    for step in steps:
        ends = distance * step
        both, middle = sums[: -2 * ends], mixed[ends:-ends]
        np.add(values[: -2 * ends], values[2 * ends :], out=both)
        both *= share
        np.multiply(values[ends:-ends], 256 - 2 * share, out=middle)
        middle += both
        middle += 128
        middle >>= 8
        values, mixed = mixed, values
    values <<= 6  # 14 bits, so that four of them add up to 16
    for near in distances:
        for step in steps:
            ends = near * step
            pairs, middle = sums[:-ends], mixed[ends:-ends]
            np.add(values[:-ends], values[ends:], out=pairs)
            np.add(pairs[:-ends], pairs[ends:], out=middle)
            middle >>= 2
            values, mixed = mixed, values
    values += 32
    values >>= 6
    return values.reshape(padded.shape)[margin:-margin, margin:-margin].astype(np.uint8)


def _moved(image: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Return the mean of an image and its copies moved by 1 to `length` - 1 pixels, edges repeated."""
    size = image.shape[axis]
    padding = [(0, 0)] * 3
    padding[axis] = ((length - 1) // 2, length // 2)
    padded = np.pad(image, padding, mode="edge").astype(np.uint16)
    step = 3 if axis else padded.shape[1] * 3
    # as one line of numbers: sums of 1, 2, 4, ... neighbours, and of those that add up to `length`; 257 fit in 16 bits
    runs, count, first = padded.reshape(-1), 1, 0
    sums = np.zeros_like(runs)
    while True:
        if length & count:
            part = runs[first * step :]
            sums[: len(part)] += part
            first += count
        if 2 * count > length:
            break
        runs = runs[: -count * step] + runs[count * step :]
        count *= 2
    sums += length // 2
    sums //= length
    return sums.reshape(padded.shape).take(range(size), axis).astype(np.uint8)
