# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells: CSV files, TensorBoard, a progress bar, and how long its parts take."""

import contextlib
import csv
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from percast.errors import FileError
from percast.whole_file import written_whole

log = logging.getLogger(__name__)

Value = float | int | str | None


class Table:
    """A CSV file that grows by a row at a time, each on the disk at once.

    Args:
        path: of the file.
        columns: the first is "step".
        step: where the run goes on; rows of later steps, written by a run that was then killed
            before its next checkpoint, are dropped, and so are damaged ones.

    Raises:
        FileError: the file cannot be read or written; so do the methods.
    """

    def __init__(self, path: Path, columns: list[str], step: int):
        self._path, self._columns = path, columns
        with self._writing():
            kept = []
            if step and path.is_file():
                with path.open(newline="", errors="replace") as file:
                    kept = [row for row in csv.DictReader(file) if 0 < _step(row) <= step]
            with written_whole(path, "w", newline="") as file:  # a crash must not cost the curve
                writer = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
                writer.writeheader()
                writer.writerows(kept)

    def add(self, row: Mapping[str, Value]) -> None:
        """Missing columns and None stay empty; numbers are written with six digits."""
        with self._writing(), self._path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(
                {name: f"{v:.6g}" if isinstance(v, float) else v for name, v in row.items()}
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileError(f"cannot write {self._path}: {error.strerror}") from error
        except csv.Error as error:
            raise FileError(f"{self._path} is damaged ({error}): move it away") from error


def _step(row: dict[str, str]) -> int:
    """Of a row; 0 of one that a crash or an editor damaged."""
    try:
        return int(row["step"])
    except (KeyError, TypeError, ValueError):
        return 0


class Board:
    """TensorBoard's event files, if it is installed.

    Args:
        folder: for the files.
        step: where the run goes on; what was logged after it is hidden.
    """

    def __init__(self, folder: Path, step: int):
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            log.warning("no event files: TensorBoard is not installed (pip install tensorboard)")
            return
        self._writer = SummaryWriter(folder, purge_step=step + 1 if step else None)

    def numbers(self, group: str, values: Mapping[str, Value], step: int) -> None:
        if self._writer is not None:
            for name, value in values.items():
                if isinstance(value, float):
                    self._writer.add_scalar(f"{group}/{name}", value, step)

    def picture(self, name: str, picture: np.ndarray, step: int) -> None:
        if self._writer is not None:
            self._writer.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class Stopwatch:
    """Time that a device spends in a part of the work, without making it wait.

    Args:
        device: a GPU is timed by events in its own queue, anything else by the clock.
    """

    def __init__(self, device: torch.device):
        self._gpu = device.type == "cuda"
        self._seconds = 0.0
        self._events: list[tuple[Any, Any]] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        began = time.perf_counter()
        start = self._event()
        yield
        if self._gpu:
            self._events.append((start, self._event()))
        else:
            self._seconds += time.perf_counter() - began

    def read(self) -> float:
        """Seconds since the last reading; on a GPU, call it when the work is done."""
        for start, end in self._events:
            end.synchronize()
            self._seconds += start.elapsed_time(end) / 1000
        seconds, self._seconds = self._seconds, 0.0
        self._events.clear()
        return seconds

    def _event(self) -> Any:
        if not self._gpu:
            return None
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


class Bar(Protocol):
    def __call__(self, share: float, text: str) -> None: ...


@contextlib.contextmanager
def progress_bar(share: float) -> Iterator[Bar]:
    """A progress bar on a terminal; gives the function to call with share done and a text.

    Args:
        share: of the run that was done before.
    """
    if not sys.stderr.isatty():
        yield lambda share, text: None
        return
    from rich.console import Console  # here: a training machine without a terminal needs none
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    began = time.monotonic()
    columns = (
        BarColumn(bar_width=12),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0, completed=share, left="")

        def update(now: float, text: str) -> None:
            left = ""
            if now > share:
                seconds = (time.monotonic() - began) * (1 - now) / (now - share)
                left = f"{duration(seconds)} left  "
            bar.update(task, completed=now, description=text, left=left)

        yield update


def duration(seconds: float) -> str:
    """As h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
