# SPDX-License-Identifier: GPL-3.0-or-later
"""What `percast eval` leaves behind: tables on disk and on the terminal, and plots."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from percast.engines.evaluation.evaluate import METRICS, Row
from percast.errors import FileError
from percast.tools import report, terminal
from percast.tools.verbs.eval import plots as eval_plots

_FORMATS = {
    "psnr_db": ".2f",
    "ms_ssim": ".4f",
    "lpips": ".4f",
    "lpips_vgg": ".4f",
    "dists": ".4f",
    "fid": ".2f",
}


class PictureTable:
    """pictures.csv, written row by row: what was computed stays, however the run ends.

    Args:
        folder: made if need be; None writes nothing.
        metrics: names of `METRICS`.
        link_figures: further columns, see `percast.engines.evaluation.evaluate.Arrival`.

    Raises:
        FileError: it cannot be written.
    """

    def __init__(self, folder: Path | None, metrics: Sequence[str], link_figures: tuple[str, ...]):
        self._file = None
        columns = (
            "picture", "width", "height", "cbr_asked", "cbr", "snr_db", "realism",
            "design_snr_db", "received", "undecodable",
            *(METRICS[name] for name in metrics if name != "fid"),
            "encode_ms", "decode_ms", *link_figures, "unencodable", "fault",
        )  # fmt: skip
        if folder is None:
            return
        self._path = folder / "pictures.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "w", newline="", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise FileError(f"cannot write to {folder}: {error.strerror}") from error
        self._writer = csv.DictWriter(self._file, columns)
        self._flushed(self._writer.writeheader)

    def write(self, row: Row) -> None:
        """Raises `FileError` where the disk is full."""
        if self._file is not None:
            self._flushed(lambda: self._writer.writerow(row.flat()))

    def _flushed(self, write) -> None:
        try:
            write()
            self._file.flush()
        except OSError as error:
            raise FileError(f"cannot write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def write_summary(folder: Path, result: dict) -> None:
    """summary.json, summary.csv and the plots.

    Raises:
        FileError: they cannot be written.
    """
    try:
        text = json.dumps(result, indent=1, allow_nan=False)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        points = result["points"]
        with open(folder / "summary.csv", "w", newline="", encoding="utf-8") as file:
            # Points where nothing arrived lack the figures of the link.
            columns = dict.fromkeys(key for point in points for key in point)
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(points)
    except OSError as error:
        raise FileError(f"cannot write to {folder}: {error.strerror}") from error
    if not eval_plots.available():
        report.say("percast: no plots, they need matplotlib: pip install 'percast[plots]'")
        return
    try:
        eval_plots.draw(folder, result)
    except OSError as error:
        raise FileError(f"cannot write to {folder}: {error.strerror}") from error


def print_table(result: dict) -> None:
    """The means at each point over the pictures that were decoded there, on stdout."""
    figures = [METRICS[name] for name in result["metrics"]]
    engine = f" on {result['engine']}, {result['precision']}" if result["engine"] else ""
    title = (
        f"{result['model']} ({result['model_id']}){engine}; "
        f"{result['channel']}{', waveform' if result['waveform'] else ''}; "
        f"{result['pictures']} pictures"
    )
    left_out = {
        key: head
        for key, head in (("unencodable", "not sent"), ("undecodable", "not decodable"))
        if any(p.get(key) for p in result["points"])
    }
    heads = (
        "cbr", "sent", "SNR dB", "realism", "decoded", *left_out.values(), *figures,
        "encode ms", "decode ms",
    )  # fmt: skip
    rows = [
        (
            p["cbr_asked"],
            "-" if p["cbr"] is None else f"1/{1 / p['cbr']:.1f}",
            f"{p['snr_db']:g}",
            f"{p['realism']:g}",
            f"{p['decoded']}/{p['pictures']}",
            *(str(p[key]) for key in left_out),
            *(_text(p[key], _FORMATS[key]) for key in figures),
            _text(p["encode_ms"], ".0f"),
            _text(p["decode_ms"], ".0f"),
        )
        for p in result["points"]
    ]
    terminal.print_table(title, heads, rows)


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
