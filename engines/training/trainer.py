# SPDX-License-Identifier: GPL-3.0-or-later
"""A training run, from its configuration to its weights."""

import contextlib
import copy
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from percast.engines.training import memory, muon, schedule, start
from percast.engines.training.config import Config
from percast.engines.training.data import seeds
from percast.engines.training.data.crops import open_crops
from percast.engines.training.distributed import Group
from percast.engines.training.losses.adversary import Adversary
from percast.engines.training.records import checkpoint, weights
from percast.engines.training.records.log import Bar, Stopwatch, progress_bar
from percast.engines.training.records.run_records import FIGURES, Records
from percast.engines.training.records.waiting import Waiting
from percast.engines.training.replay import Replays, own_stream
from percast.engines.training.step import Step
from percast.engines.training.validation import Validation
from percast.errors import ModelError, one_line
from percast.signals import ending_signals, heed

_FEWER = "give smaller ones (--validation), or none: --set validation_pictures=0"
_HOST = "pack the pictures (`percast train pack`) and --set crops=host"


class Trainer:
    """One run in one folder, made by one or several processes.

    The folder gets the last two checkpoints, `weights.pt` (the averaged weights, for
    `percast.engines.export` and `--init`), `weights-stage1.pt` where a second stage began,
    `train.csv`, `validation.csv`, `samples/` and TensorBoard's `events/`.

    Args:
        config: the run.
        out: its folder; made if it is not there.
        group: the processes.
        init: what to start from, see `records.weights`; else the data's KLT.
        resume: a checkpoint to go on from, as `records.checkpoint` loads it.

    Raises:
        UsageError: no data, or settings that do not fit it or the device.
        ModelError: weights that cannot be read, or are of other networks.
        FileError: the folder cannot be written.
    """

    def __init__(
        self,
        config: Config,
        out: Path,
        group: Group,
        init: str | None = None,
        resume: dict[str, Any] | None = None,
    ):
        self.config, self.out, self.group = config, out, group
        self.step, self.images, self._spent = 0, 0, 0.0
        self._second_began: int | None = None  # step of the second stage's beginning
        device = group.device
        start.check_precision(config, device)
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        with memory.watched("the pictures and the networks", _HOST, out):
            training, held_out = start.open_data(config, group)
            self._perceptual = start.open_perceptual(config, device)
            link, discriminator = start.networks(config, training, init, resume is not None)
            channels_last = {"device": device, "memory_format": torch.channels_last}
            self._link = link.to(**channels_last)
            self._ema = copy.deepcopy(self._link).eval().requires_grad_(False)
            self._optimisers = muon.optimisers(self._link, config)
            self._adversary = None
            if config.adversarial:
                self._adversary = Adversary(config, group, discriminator.to(**channels_last))
            if resume is not None:
                self._load(resume)
            wrapped = group.wrap(self._link)
            self._work = Step(
                config, self._link, torch.compile(wrapped) if config.compile else wrapped,
                self._ema, self._optimisers, self._adversary, self._perceptual, device,
            )  # fmt: skip
            self._replays = Replays.on(device, self._work, alone=group.size == 1)
            self._crops = open_crops(
                training, config.crops, config.batch, config.crop, config.seed, group.rank, device
            )
            self._validation = Validation(held_out, config, device, self._perceptual)
        self._records = Records(out, self.step, self._validation.names) if group.first else None
        self._data_time, self._waiting = Stopwatch(device), Waiting(device)
        self._counted = 0
        self._stop = False
        self._told = ""  # beside the progress bar

    def run(self) -> dict[str, Any]:
        """Trains until the budget is spent; Ctrl-C, SIGTERM or SIGHUP saves and stops.

        Returns:
            step, images, minutes, images_per_second, data_share, and psnr_db and lpips (means
            over the points of the last validation, None where there is none).

        Raises:
            ModelError: the loss is no longer finite, or memory ran out.
            FileError: the folder cannot be written.
            KeyboardInterrupt: it was stopped, after a checkpoint.
        """
        self._began = self._interval = time.monotonic()
        share, c = self._share(), self.config
        step = f"batch = {c.batch} crops of {c.crop}x{c.crop}"
        try:
            with (
                memory.watched(step, memory.smaller(c), self.out),
                _signals(self._ask_to_stop),
                own_stream(self.group.device),
                progress_bar(share) as bar,
            ):
                while share < 1 and not self._stop:
                    self._train_step(share)
                    self.step += 1
                    self.images += c.batch * self.group.size
                    share = self._share()
                    self._rest(share, bar)
                self._save()
            if self._stop:
                raise KeyboardInterrupt
        finally:
            if self._records:
                self._records.close()
        return {
            "step": self.step,
            "images": self.images,
            "minutes": self._minutes(),
            **(self._records.last if self._records else {}),
        }

    def _train_step(self, share: float) -> None:
        with self._waiting.step(probe=self._counted == 0):
            self._launch(share)

    def _launch(self, share: float) -> None:
        c = self.config
        with self._data_time.running():
            original = self._crops(self.step)
        self._stage = schedule.stage(c, share)
        if self._stage == 2 and self._second_began is None:
            self._begin_second_stage()
        adversary = self._adversary if self._stage == 2 else None
        if adversary:
            adversary.prepare(share)
        draws = seeds.sequence(seeds.Purpose.CHANNEL, c.seed, self.group.rank, self.step)
        self._work.fill(
            original, seeds.device_seed(draws), self._phase(), self._lr_factor(share), self.step
        )
        self._replays.run(self._stage, lambda: self._work.compute(adversary))
        self._counted += 1

    def _begin_second_stage(self) -> None:
        self._second_began = self.step
        if self.step and self.group.first:
            self._save_weights(weights.FIRST_STAGE_NAME)

    def _lr_factor(self, share: float) -> float:
        c = self.config
        if not c.second_lr or self._second_began is None:
            return schedule.lr_factor(c, share, self.step)
        return c.second_lr * schedule.lr_factor(c, share, self.step - self._second_began)

    def _phase(self) -> tuple[int, int]:
        """Where LPIPS and texture look in this step, see `at_phase`."""
        root = seeds.sequence(seeds.Purpose.PHASE, self.config.seed, self.group.rank, self.step)
        down, right = seeds.host_generator(root).integers(self._work.shifts, size=2).tolist()
        return down, right

    def _rest(self, share: float, bar: Bar) -> None:
        """What is due after a step."""
        c, ended = self.config, share >= 1 or self._stop
        if self.step % c.log_every == 0 or ended:
            self._report()
        bar(share, self._told)
        if self.step % c.validate_every == 0 or (ended and not self._stop):
            self._validate()
        if self.step % c.save_every == 0 and not ended:  # the end is saved by itself
            self._save()

    def _report(self) -> None:
        figures = self._figures()
        now = time.monotonic()
        seconds, self._interval = now - self._interval, now
        steps = self._counted
        images = steps * self.config.batch * self.group.size
        self._work.totals.zero_()
        self._counted = 0
        speed = {
            "images_per_second": images / seconds,
            "data_share": self._data_time.read() / seconds,
            "waiting_share": self._waiting.read(steps, seconds),
        }
        if self._records:
            lr = float(self._optimisers[-1].param_groups[0]["lr"])
            row = {"step": self.step, "images": self.images, "minutes": self._minutes()}
            self._told = self._records.training(
                {**row, "stage": self._stage, "lr": lr, **figures, **speed}
            )

    def _validate(self) -> None:
        if self._records:
            # The time of a validation is none of the training's.
            began = time.monotonic()
            with memory.watched("the pictures of the validation", _FEWER, self.out):
                scores, rows = self._validation(self._ema)
            row = {"step": self.step, "images": self.images, "minutes": self._minutes()}
            self._records.validation(row, scores, rows)
            self._interval += time.monotonic() - began

    def _figures(self) -> dict[str, float]:
        """Means since the last report.

        Raises:
            ModelError: they are not finite.
        """
        values = (self._work.totals / max(self._counted, 1)).tolist()
        if not all(map(math.isfinite, values)):
            raise self._gone_wrong("the loss is")
        return dict(zip(FIGURES, values, strict=True))

    def _gone_wrong(self, what: str) -> ModelError:
        c = self.config
        return ModelError(
            f"{what} not finite at step {self.step}, training has stopped; "
            f"{checkpoint.kept(self.out)}: --set lower lr, muon_lr or discriminator_lr "
            f"({c.lr:g}, {c.muon_lr:g}, {c.discriminator_lr:g})"
        )

    def _save(self) -> None:
        """Checkpoint and averaged weights; never after a step that went wrong."""
        self._figures()
        adversary = self._adversary
        state = {
            "config": self.config.to_dict(),
            "images": self.images,
            "minutes": self._minutes(),
            "second_began": self._second_began,
            "link": self._link.state_dict(),
            "ema": self._ema.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "adversary": adversary.state() if adversary else None,
        }
        if not _finite(state):
            raise self._gone_wrong("the weights are")
        if not self.group.first:
            return
        checkpoint.save(self.out, self.step, state)
        self._save_weights(weights.FILE_NAME)

    def _save_weights(self, name: str) -> None:
        """The averaged ones."""
        adversarial = self._adversary is not None and self._adversary.age > 0
        path = self.out / name
        weights.save(path, self._ema, self.config, self.step, self.images, adversarial)

    def _load(self, state: dict[str, Any]) -> None:
        try:
            self._link.load_state_dict(state["link"])
            self._ema.load_state_dict(state["ema"])
            for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
                muon.load_state(optimiser, saved)
            if self._adversary and state["adversary"]:
                self._adversary.load_state(state["adversary"])
        except (KeyError, RuntimeError, ValueError) as error:
            if memory.ran_out(error):
                raise
            raise ModelError(
                f"--resume: the checkpoint is of other networks: {one_line(error)}"
            ) from error
        self.step, self.images, self._spent = state["step"], state["images"], state["minutes"]
        self._second_began = state["second_began"]

    def _minutes(self) -> float:
        """Of this run, all its parts together."""
        return self._spent + (time.monotonic() - self._began) / 60

    def _share(self) -> float:
        """Share of the budget that is spent; all processes agree on it, and on stopping."""
        minutes, stop = self.group.agree(self._minutes(), float(self._stop))
        self._stop = bool(stop)
        return schedule.share_done(self.config, self.step, minutes)

    def _ask_to_stop(self) -> None:
        self._stop = True


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` on the first of the ending signals; a second one acts as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = ending_signals()
    before = {kind: signal.getsignal(kind) for kind in kinds}

    def handler(kind: int, frame: FrameType | None) -> None:
        heed(kind)
        signal.signal(kind, before[signal.Signals(kind)])
        stop()

    for kind in kinds:
        signal.signal(kind, handler)
    try:
        yield
    finally:
        for kind in kinds:
            signal.signal(kind, before[kind])


def _finite(content: Any) -> bool:
    """Whether all tensors in a checkpoint are."""
    if isinstance(content, dict):
        return all(map(_finite, content.values()))
    if isinstance(content, list):
        return all(map(_finite, content))
    return not isinstance(content, Tensor) or bool(content.isfinite().all())
