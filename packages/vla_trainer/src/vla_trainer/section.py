"""What all sections of a config have in common, and the types of values that several of them use."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A frozen part of a config in which an unknown key is an error, and so is a value of another type.

    Text and booleans are no numbers. An integer may be written as a float without a fraction: 1e6 is 1000000.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers_are_integers(cls, values: object) -> object:
        """1e6 as 1000000, which a key for a float takes as well; above 2^53 floats leave out integers."""
        return {key: whole(value) for key, value in values.items()} if isinstance(values, dict) else values


def whole(value: object) -> object:
    """Return 1e6 as 1000000; any other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"{pair[0]:g} is above {pair[1]:g}; allowed: the smaller number first")
    return pair


Ascending = AfterValidator(_ascending)
"""For two numbers of which the first is at most the second."""


def _no_boolean(written: object) -> object:
    """True is 1 where a literal is compared."""
    if isinstance(written, bool):
        raise ValueError("allowed: a number")
    return written


NotBoolean = BeforeValidator(_no_boolean)
"""For a literal of numbers."""

Temperature = Annotated[float, Field(ge=1e-3, le=1e3)]
"""What divides logits: below, they overflow; above, all actions are as probable."""

Decay = Annotated[float, Field(ge=0, lt=1)]
"""Of a moving average."""
