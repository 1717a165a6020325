"""Say a task's sentence in other words, by rule: it asks for the same.

Each word that has synonyms has those of its own, so that two tasks of a suite are never given one sentence.
"""

from __future__ import annotations

import re

import numpy as np

from libero_gym.shifts.changes import Changes

#: Level -> whether verbs change, whether nouns do, whether the sentence gets a frame, and sentences around it.
LEVELS = {
    1: (True, False, False, False),
    2: (True, False, True, False),
    3: (True, True, False, False),
    4: (True, True, True, False),
    5: (True, True, True, True),
}

_VERBS = {
    "pick up": ("grab", "take", "lift", "get hold of"),
    "place": ("set", "lay", "rest"),
    "put": ("set", "lay", "place"),
    "open": ("pull open", "slide open"),
    "close": ("shut", "push shut"),
    "turn on": ("switch on", "start"),
    "turn off": ("switch off", "shut off"),
    "push": ("slide", "move"),
    "stack": ("pile", "set"),
}
_NOUNS = {
    "black bowl": ("dark bowl", "black dish"),
    "white bowl": ("pale bowl", "white dish"),
    "left bowl": ("bowl on the left", "leftmost bowl"),
    "right bowl": ("bowl on the right", "rightmost bowl"),
    "bowl": ("round bowl", "dish"),
    "left plate": ("plate on the left", "leftmost plate"),
    "right plate": ("plate on the right", "rightmost plate"),
    "plate": ("dinner plate", "flat plate"),
    "ramekin": ("small white pot", "little baking pot"),
    "cookie box": ("box of cookies", "biscuit box"),
    "table center": ("the middle of the table", "the centre of the table"),
    "wooden cabinet": ("wooden cupboard", "wooden chest"),
    "cabinet shelf": ("shelf of the cupboard", "board of the cupboard"),
    "cabinet": ("cupboard", "chest of drawers"),
    "shelf": ("rack of boards", "bookshelf"),
    "top drawer": ("upper drawer", "highest drawer"),
    "middle drawer": ("second drawer", "central drawer"),
    "bottom drawer": ("lowest drawer", "last drawer"),
    "stove": ("cooker", "burner"),
    "wine bottle": ("bottle of wine", "wine flask"),
    "wine rack": ("rack for wine", "wine stand"),
    "rack": ("bottle rack", "wooden stand"),
    "right moka pot": ("coffee pot on the right", "rightmost coffee pot"),
    "moka pots": ("coffee pots", "espresso pots"),
    "moka pot": ("coffee pot", "espresso pot"),
    "frying pan": ("skillet", "pan"),
    "microwave": ("microwave oven", "small oven"),
    "basket": ("hamper", "woven basket"),
    "tray": ("serving tray", "wooden tray"),
    "alphabet soup": ("can of alphabet soup", "letter soup"),
    "cream cheese box": ("box of cream cheese", "pack of cream cheese"),
    "cream cheese": ("soft cheese", "cheese spread"),
    "salad dressing": ("bottle of salad dressing", "vinaigrette"),
    "bbq sauce": ("barbecue sauce", "bottle of bbq sauce"),
    "ketchup": ("ketchup bottle", "bottle of ketchup"),
    "tomato sauce": ("can of tomato sauce", "tomato puree"),
    "butter": ("stick of butter", "butter pack"),
    "milk": ("milk carton", "carton of milk"),
    "chocolate pudding": ("box of chocolate pudding", "pudding box"),
    "orange juice": ("juice carton", "carton of orange juice"),
    "yellow and white mug": ("white and yellow cup", "two-coloured cup"),
    "white mug": ("white cup", "plain cup"),
    "red mug": ("red cup", "red coffee cup"),
    "book": ("notebook", "volume"),
    "caddy": ("desk organizer", "book holder"),
    "compartment": ("section", "slot"),
}
_FRAMES = (
    *("please {}", "now {}", "i would like you to {}", "your task is to {}", "the robot should {}"),
    *("go ahead and {}", "{}, please", "could you {}"),
)
_BEFORE = (
    *("there are several objects in front of you.", "the robot stands ready.", "take your time."),
    *("somebody will need this soon.", "look at the scene first."),
)
_BEHIND = (
    *("leave everything else where it is.", "be careful not to knock anything over.", "then stop."),
    *("nothing else has to be done.", "do it in one go."),
)


def change(changes: Changes, instruction: str, level: int, rng: np.random.Generator) -> None:
    """Say a sentence in other words.

    Args:
        changes: receives the sentence.
        instruction: the task's own.
        level: 1..5, see `LEVELS`.
        rng: of the variant.
    """
    verbs, nouns, frame, around = LEVELS[level]
    words = {**(_VERBS if verbs else {}), **(_NOUNS if nouns else {})}
    text = _replaced(instruction, words, rng)
    if frame:
        text = _FRAMES[int(rng.integers(len(_FRAMES)))].format(text)
    if around:
        before, behind = (texts[int(rng.integers(len(texts)))] for texts in (_BEFORE, _BEHIND))
        text = f"{before} {text}. {behind}"
    changes.instruction = text


def _replaced(text: str, words: dict[str, tuple[str, ...]], rng: np.random.Generator) -> str:
    """Return a text with each of the words replaced by one of its synonyms, the same one wherever it stands."""
    chosen = {word: synonyms[int(rng.integers(len(synonyms)))] for word, synonyms in words.items()}
    pattern = "|".join(rf"\b{re.escape(word)}\b" for word in sorted(words, key=len, reverse=True))
    return re.sub(pattern, lambda match: chosen[match[0]], text)
