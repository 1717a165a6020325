"""The package's errors: a family whose messages name the value, the place and what is allowed.

All derive from `VLAPolicyError`, which is a `ValueError`: a caller can catch the family or a member.
"""

from __future__ import annotations

from collections.abc import Iterable


class VLAPolicyError(ValueError):
    """Base of all errors: a value that a caller passed to this package cannot be used.

    Way out: catch it to catch all of the package's errors; each message names the value and what is allowed.
    """


class ConfigError(VLAPolicyError):
    """A size, name or option of a configuration that cannot be built.

    Way out: take a field and a value that the message lists.
    """


class SpaceError(VLAPolicyError):
    """An observation or action space that the policy cannot be built for.

    Way out: build the policy for `Dict(image, wrist_image?, state?, instruction)` and a Box of actions.
    """


class ObservationError(VLAPolicyError):
    """An observation with a missing or unknown key, a wrong dtype or shape, a NaN, or an empty instruction.

    Way out: give what the message lists: a batch of uint8 images (N, H, W, 3) and N sentences.
    """


class TokenError(VLAPolicyError):
    """Action tokens of a wrong shape or dtype, or ids that are not action ids.

    Way out: pass the tokens that `act` returned, as they are.
    """


class ActionError(VLAPolicyError):
    """An action of a wrong shape, or not a number.

    Way out: give actions (N, C, A) in the environment's units, all finite.
    """


class NumbersError(VLAPolicyError, FloatingPointError):
    """An output of the network is not finite, so that no action can be chosen.

    Way out: weights have diverged, or float16 overflowed: load an older checkpoint, or compute in bfloat16 or
    float32.
    """


class UnnormKeyError(VLAPolicyError):
    """A normalization key that the checkpoint's statistics do not have.

    Way out: take one of the keys that the message lists; it must be that of the policy's training.
    """


class CheckpointError(VLAPolicyError):
    """A checkpoint folder with missing, unexpected or misshapen files or weights.

    Way out: docs/checkpoints.md lists what loads; download a damaged file again.
    """


class DatasetError(VLAPolicyError):
    """Demonstrations that are not there, damaged, empty, not finite, or of shapes that do not fit together.

    Way out: correct the arrays that the message names, or record the dataset again.
    """


class MissingExtraError(VLAPolicyError):
    """An optional library is not installed; the message names the extra to install.

    Way out: run the `pip install` line of the message.
    """


class UnsupportedError(VLAPolicyError):
    """An operation that this checkpoint cannot do, for example scoring tokens with an L1 head.

    Way out: take the way that the message names; an L1 head can act, and cannot be trained by RL.
    """


def clip(value: object, limit: int = 80) -> str:
    """Return a value as a line of text for a message, cut after `limit` characters; strings stand as they are."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text[: 2 * limit].splitlines()) + text[2 * limit :][:1]
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def names(values: Iterable[object], limit: int = 8) -> str:
    """Return some names as text for a message: `a, b, c (and 5 more)`."""
    items = [clip(str(v)) for v in values]
    more = f" (and {len(items) - limit} more)" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more if items else "none"
