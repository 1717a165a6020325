"""Recognize what looks like a secret, and stays out of recipes, logs, config.yaml and other processes' settings."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from vla_trainer.errors import ConfigError

_VARIABLE = re.compile(
    r"AWS_.*|GOOGLE_APPLICATION_CREDENTIALS|.*_?(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)"
    r"(_.*)?",
    re.IGNORECASE,
)
_FILE = re.compile(r".*_(PATH|FILE|DIR|FOLDER)", re.IGNORECASE)
"""HF_TOKEN_PATH and the like say where a secret is."""
_KEY = re.compile(
    r"(.*_)?(secret|password|passwd|credentials?|api_?key|access_key|private_key|secret_key)"
    r"|((hf|auth|access|bearer|api|wandb|hub)_)?token",
    re.IGNORECASE,
)
"""Not every `..._token`: tokenizers have a pad_token and an eos_token."""
_FROM_ENVIRONMENT = re.compile(r"oc\.env\s*:\s*(?P<name>[^,}]*)")


def is_secret(variable: str) -> bool:
    """Return whether an environment variable of this name is taken for a secret: HF_TOKEN, AWS_*, *_API_KEY, ..."""
    return _VARIABLE.fullmatch(variable) is not None and _FILE.fullmatch(variable) is None


def refuse_secrets(tree: Any, source: str) -> None:
    """Check the unresolved keys and values of a config: what is in it goes to config.yaml, the loggers and all nodes.

    Args:
        tree: plain dicts and lists, `${...}` as written.
        source: what a message calls it.

    Raises:
        ConfigError: a value is taken from an environment variable that looks like a secret, or whose name is computed;
            or a text stands under a key such as `token` or `api_key`.
    """
    for path, value in _texts(tree):
        for found in _FROM_ENVIRONMENT.finditer(value):
            name = found["name"].strip().strip("'\"")
            if "$" in name:
                raise ConfigError(f"{source}: {path}: the variable's name in ${{oc.env:...}} has to be written out")
            if is_secret(name):
                raise ConfigError(
                    f"{source}: {path}: {name} looks like a secret, which would be written to config.yaml and the "
                    f"loggers; leave it in the environment, where libraries look for it"
                )
        key = path.rpartition(".")[2]
        if value and _KEY.fullmatch(key):
            raise ConfigError(
                f"{source}: {path}: a secret in a config would be written to config.yaml and the loggers; set the "
                f"environment variable that the library reads (e.g. HF_TOKEN) instead"
            )


def _texts(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text in it, with where it stands."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _texts(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _texts(value, f"{path}.{index}" if path else str(index))
    elif isinstance(tree, str):
        yield path, tree
