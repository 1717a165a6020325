"""The command `vla-report`: write what is in the folders of runs, ablations and sweeps as one HTML file.

RUN... --read_folders--> Contents --render--> HTML
"""

import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

from vla_trainer import atomic_files
from vla_trainer.errors import ReportError
from vla_trainer.report.folders import read_folders
from vla_trainer.report.page import render

FILE = "report.html"
MAX_MB = 15.0
"""10^6 bytes; what mail and forges still take as an attachment."""


def write_report(
    folders: Sequence[Path],
    say: Callable[[str], None],
    *,
    out: Path | None = None,
    title: str | None = None,
    max_mb: float = MAX_MB,
    show: bool = False,
) -> Path:
    """Write the report; returns its file.

    Args:
        folders: of runs, evaluations, ablations and sweeps; at least one.
        say: takes lines for the user.
        out: the file; None: "report.html" in the only folder, or here where there are several.
        title: at the top; None: the names of the folders.
        max_mb: the largest size of the file in 10^6 bytes.
        show: open it in a browser.

    Raises:
        ReportError: a folder is none of these; the file cannot be written, or does not fit `max_mb`.
        DamagedRunError, ComparisonError, ConfigError: a file in a folder is damaged; the message names it.
        MissingExtraError: Jinja2 or Matplotlib is not installed.
    """
    contents = read_folders(folders)
    file = (out or (folders[0] / FILE if len(folders) == 1 else Path(FILE))).expanduser()
    if file.is_dir():
        raise ReportError(f"{file} is a folder; allowed for --out: the path of a file")
    page, left_out = render(contents, title=title, max_mb=max_mb)
    try:
        atomic_files.write_text(file, page)
    except OSError as error:
        raise ReportError(f"{file} cannot be written: {error.strerror or error}") from error
    missing = f", without {left_out} videos that it names" if left_out else ""
    say(f"written: {file}, {file.stat().st_size / 1e6:.1f} MB{missing}")
    if show:
        webbrowser.open(file.resolve().as_uri())
    return file
