# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the verbs of `percast campaign`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from percast.settings import SettingError, Settings, setting


@dataclass(frozen=True)
class WorkersConfig(Settings):
    """Who computes simulated cells.

    Args:
        scheduler: address of a Dask scheduler.
        workers: processes on this machine, in place of one for each core.
    """

    group = "workers (simulated cells)"

    scheduler: str | None = setting(
        None, "--scheduler", "of a Dask cluster, such as tcp://host:8786", metavar="ADDRESS",
        parse=str,
    )  # fmt: skip
    workers: int | None = setting(
        None, "--workers", "processes on this machine (default: its cores); 1 needs no Dask",
        metavar="N", parse=int, least=1, most=1024, whole=True,
    )  # fmt: skip

    def check(self) -> Iterator[SettingError]:
        if self.scheduler is not None and self.workers is not None:
            yield SettingError("workers", "are the scheduler's: leave it out")

    @property
    def count(self) -> int:
        return self.workers or len(os.sched_getaffinity(0))
