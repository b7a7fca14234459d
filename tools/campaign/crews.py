# SPDX-License-Identifier: GPL-3.0-or-later
"""Who does the shots of a campaign: this process, all cores of this machine, or a cluster.

Whatever a crew is, the one process that has the store open writes it.
"""

import contextlib
import logging
import os
import signal
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from multiprocessing import resource_tracker
from types import ModuleType
from typing import Protocol

from percast.errors import DeviceError, UsageError
from percast.signals import deferred
from percast.tools.campaign.jobs import Job, simulate
from percast.tools.campaign.store import Done
from percast.tools.campaign.tables.rows import WORKER_DIED

log = logging.getLogger(__name__)

_AHEAD = 3  # jobs a worker: one that it does, and the next ones on their way
_ATTEMPTS = 3  # after which a shot is given up whose workers die


Task = Callable[[Job], Done]


class Crew(Protocol):
    """Does jobs."""

    def work(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """The jobs as they are done, in whatever order."""


class Alone:
    """This process does one after the other.

    Args:
        task: what it does with a job.
    """

    def __init__(self, task: Task = simulate):
        self._task = task

    def work(self, jobs: Iterable[Job]) -> Iterator[Done]:
        return map(self._task, jobs)


class Cluster:
    """The workers of a Dask scheduler.

    Args:
        client: of `distributed`.
        task: what a worker does with a job.
        on_event: told of workers that died.
    """

    def __init__(
        self,
        client,
        task: Task = simulate,
        on_event: Callable[[str], None] = log.warning,
    ):
        self._client, self._task, self._on_event = client, task, on_event

    def work(self, jobs: Iterable[Job]) -> Iterator[Done]:
        from distributed import as_completed

        waiting, flying = iter(jobs), {}
        done = as_completed()

        def send(job: Job) -> None:
            # Not pure: a shot that is tried again is another task.
            future = self._client.submit(self._task, job, pure=False)
            flying[future] = job
            done.add(future)

        def fill() -> None:
            while len(flying) < _AHEAD * max(1, len(self._client.nthreads())):
                if (job := next(waiting, None)) is None:
                    return
                send(job)

        # A Ctrl-C that falls into a call of Dask's is a traceback of its event loop: only the wait
        # hears it.
        with deferred():
            fill()
        while flying:
            future = next(done)
            with deferred():
                outcome = self._outcome(future, flying.pop(future))
                if isinstance(outcome, Job):
                    send(outcome)
                future.release()
                fill()
            if not isinstance(outcome, Job):
                yield outcome

    def _outcome(self, future, job: Job) -> Job | Done:
        """What was done or given up; or what is to be tried again.

        Raises:
            DeviceError: the scheduler has gone.
            Exception: what the worker met.
        """
        from distributed.scheduler import KilledWorker

        try:
            error = future.exception()
        except CancelledError as gone:
            raise DeviceError("the scheduler has gone, and all that it had to do") from gone
        if error is None:
            return future.result()
        if not isinstance(error, KilledWorker):
            raise error
        self._on_event(f"shot {job.shot.shot}: its worker died, attempt {job.attempt}")
        if job.attempt < _ATTEMPTS:
            return replace(job, attempt=job.attempt + 1)
        return given_up(job)


def given_up(job: Job) -> Done:
    """A shot that is not tried any more until somebody goes on with the campaign."""
    arrival = {
        "received": 0,
        "error": f"{WORKER_DIED} {job.attempt} times",
        "attempts": job.attempt,
    }
    cells = [
        {"cell": cell, "realism": realism, "model": job.shot.condition["model"], "undecodable": 0}
        for cell, realism in job.shot.cells
    ]
    return Done(job.shot.shot, arrival, cells)


@contextlib.contextmanager
def open_crew(
    scheduler: str | None,
    workers: int,
    on_event: Callable[[str], None] = log.warning,
    task: Task = simulate,
) -> Iterator[Crew]:
    """Those who do simulated shots.

    Args:
        scheduler: address of a Dask scheduler; None for this machine.
        workers: processes on this machine; 1 is this one alone.
        on_event: told of workers that died.
        task: what is done with a job.

    Raises:
        UsageError: Dask is not installed.
        DeviceError: the scheduler does not answer, or has no workers.
    """
    if scheduler is None and workers == 1:
        yield Alone(task)
        return
    opened = contextlib.ExitStack()
    try:
        with deferred():
            client = _client(opened, scheduler, workers)
        yield Cluster(client, task, on_event)
    finally:
        with deferred():
            opened.close()


def _client(opened: contextlib.ExitStack, scheduler: str | None, workers: int):
    """A client of the scheduler, or of new workers on this machine, that ends with `opened`."""
    distributed = _dask()
    if scheduler is None:
        with _deaf_to_ctrl_c():
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
            )
            opened.callback(_close, cluster)
            return opened.enter_context(distributed.Client(cluster))
    try:
        client = opened.enter_context(distributed.Client(scheduler, timeout=10))
    except (OSError, ValueError) as error:
        raise DeviceError(
            f"--scheduler {scheduler}: nobody answers; start `dask scheduler` and "
            f"`dask worker {scheduler} --nthreads 1` where percast is installed"
        ) from error
    if not client.nthreads():
        raise DeviceError(f"--scheduler {scheduler}: it has no workers yet")
    return client


def _dask() -> ModuleType:
    """`distributed`, set up as a crew needs it."""
    try:
        import dask
        import distributed
    except ImportError as error:
        raise UsageError(
            f"several workers need: pip install 'percast[campaign]' ({error}); --workers 1 does not"
        ) from error
    dask.config.set({
        # A worker's death is counted by us, for we know the shot; it has one shot at a time, or
        # others would die with it. Its memory is its own affair.
        "distributed.scheduler.allowed-failures": 0,
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
    })  # fmt: skip
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":  # what matters is told by us
            logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


def _close(cluster) -> None:
    """End its workers, whatever they are doing: what they have not handed in counts for nothing."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        if nanny.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
    # Dask waits five seconds for a process that it ends, which a busy machine may not keep.
    with contextlib.suppress(TimeoutError):
        cluster.close()


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes and threads that are started in here do not hear Ctrl-C, which a terminal sends to
    all; this thread does again afterwards."""
    resource_tracker.ensure_running()  # to start it unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
