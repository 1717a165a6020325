"""Read the text of a recipe or of a run's config.yaml."""

from pathlib import Path

from vla_trainer.errors import ConfigError


def read_text(path: Path) -> str:
    """Return what a file says, which is UTF-8.

    Raises:
        ConfigError: it is not, or the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path} is not UTF-8: byte 0x{content[error.start]:02x} in line {line}; save it as UTF-8"
        ) from error
