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

    The kernels [w, 1 - 2 w, w] with w <= 1/4 are applied at distances 1, 2, 4, ..., as in the a trous wavelet transform
    (Holschneider et al. 1989). Each adds 2 w distance^2 to the variance. This takes a third of Pillow's time.

    Args:
        image: (S, S, 3) uint8.
        radius: standard deviation in pixels.
    """
    values = image.astype(np.uint16)
    values <<= 6  # 14 bits, so that four of them add up to 16
    mixed, missing, distance = np.empty_like(values), radius**2, 1
    while missing > 1e-6:
        whole = distance**2 / 2
        share = min(missing / whole, 1.0)
        for axis in (0, 1):
            _smooth(values, mixed, distance, axis, share)
            values, mixed = mixed, values
        missing -= share * whole
        if missing > whole:
            distance *= 2
    values += 32
    values >>= 6
    return values.astype(np.uint8)


def _smooth(values: np.ndarray, mixed: np.ndarray, distance: int, axis: int, share: float) -> None:
    """Write 14-bit values, mixed with those on both sides along an axis, each of weight `share` / 4, to `mixed`."""
    np.left_shift(values, 1, out=mixed)
    mixed += 2
    # views: what is added to them is added to `mixed`; numbers that lie side by side are added together
    size, channels = values.shape[axis], values.shape[2]
    near, shape = min(distance, size), (size, -1)
    if axis == 1:
        near, shape = near * channels, (len(values), size * channels)
    lines, sums = values.reshape(shape), mixed.reshape(shape)
    if axis == 0:
        sums[near:] += lines[: size - near]
        sums[:near] += lines[0]
        sums[: size - near] += lines[near:]
        sums[size - near :] += lines[-1]
    else:
        end = size * channels - near
        sums[:, near:] += lines[:, :end]
        mixed[:, : near // channels] += values[:, :1]
        sums[:, :end] += lines[:, near:]
        mixed[:, end // channels :] += values[:, -1:]
    mixed >>= 2
    if share < 1:
        part = mixed.astype(np.float32)
        part -= values
        part *= share
        part += values
        np.copyto(mixed, np.rint(part, out=part), casting="unsafe")


def _moved(image: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Return the mean of an image and its copies moved by 1 to `length` - 1 pixels, edges repeated."""
    before, after = (length - 1) // 2, length // 2
    padding = [(0, 0)] * 3
    padding[axis] = (before + 1, after)
    sums = np.cumsum(np.pad(image, padding, mode="edge"), axis=axis, dtype=np.uint32)
    size = image.shape[axis]
    ends = np.take(sums, range(length, length + size), axis=axis)
    before_them = np.take(sums, range(size), axis=axis)
    return ((ends - before_them + length // 2) // length).astype(np.uint8)
