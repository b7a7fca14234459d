# SPDX-License-Identifier: GPL-3.0-or-later
"""`--model auto`: the largest of the models here that this machine runs fast enough."""

import json
import logging
import time
from collections.abc import Collection
from statistics import median
from typing import NamedTuple

from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import ROLES
from percast.engines.manifest import Model, Network, list_models, load_model
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import Engine
from percast.engines.runtimes.samples import inputs_of
from percast.engines.runtimes.shared_files import locked, read_json, write
from percast.errors import FileError
from percast.home import user_cache

log = logging.getLogger(__name__)

SIZES = ("lite", "base", "large")
"""Names of the models that it takes one of, the smallest first."""

FPS = 10.0
SIZE = (256, 256)
"""Pictures per second, and (height, width), where nobody asks for others."""

RESERVE = 1.25
"""How many times as fast as asked the networks must be: the rest of a link computes too."""

_RUNS = 5
_LONG = 1.0  # seconds; so slow a network is measured in fewer runs


class Choice(NamedTuple):
    """A model's name, and one line that says why it."""

    model: str
    why: str


def choose(
    config: CodecConfig,
    size: tuple[int, int] = SIZE,
    fps: float = FPS,
    roles: Collection[str] = ROLES,
) -> Choice:
    """The largest model that keeps up; the smallest where none does.

    What was measured is remembered in the user's cache, by model, engine, precision, processor,
    threads, size and roles.

    Args:
        config: engine, precision and threads; its model is not looked at.
        size: (height, width) of the pictures.
        fps: pictures per second.
        roles: "encode", "decode" or both, which then share the processor.

    Raises:
        UsageError, ModelError: as `load_model` and `open_engine` do.
    """
    here = [name for name in reversed(SIZES) if name in list_models()]
    if len(here) == 1:
        return Choice(here[0], f"model '{here[0]}': no other size is here")
    wanted = f"{fps:g} pictures/s of {size[1]}x{size[0]} take {RESERVE * fps:g}/s of the networks"
    too_slow = []
    for name in here:
        rate = 1 / _seconds(load_model(name), config, size, roles)
        measured = f"'{name}' makes {rate:.3g}/s here"
        if rate >= RESERVE * fps:
            return Choice(name, f"model {'; '.join([measured, *too_slow])}; {wanted}")
        too_slow.append(f"{measured}")
    return Choice(here[-1], f"model '{here[-1]}', the smallest: {'; '.join(too_slow)}; {wanted}")


def _seconds(
    model: Model, config: CodecConfig, size: tuple[int, int], roles: Collection[str]
) -> float:
    """That a picture takes, in the networks of the roles one after the other."""
    networks = {"encode": model.encoder, "decode": model.generator}
    return sum(_seconds_of(networks[role], config, size) for role in ROLES if role in roles)


def _seconds_of(network: Network, config: CodecConfig, size: tuple[int, int]) -> float:
    path = user_cache() / "speeds.json"
    with open_engine(network.path, config.engine, config.precision, config.threads) as engine:
        key = (
            f"{network.sha256} {engine.name} {engine.precision} {engine.device} "
            f"x{engine.threads} {size[1]}x{size[0]}"
        )
        known = read_json(path).get(key)
        if isinstance(known, int | float) and known > 0:
            return known
        seconds = _measure(engine, network, size)
    _remember(path, key, seconds)
    return seconds


def _measure(engine: Engine, network: Network, size: tuple[int, int]) -> float:
    """Median of some runs, after those that compile, capture and touch all memory."""
    inputs, times = inputs_of(network, *size, 1), []
    for _ in range(engine.warm_up_runs):
        engine.run(inputs)
    while len(times) < _RUNS and sum(times) < _LONG:
        start = time.perf_counter()
        engine.run(inputs)
        times.append(time.perf_counter() - start)
    return median(times)


def _remember(path, key: str, seconds: float) -> None:
    """A cache that cannot be written costs the next start a second, and no more."""
    waiting = "another percast measures this machine: waiting for it"
    with locked(path.with_suffix(".lock"), waiting) as problem:
        try:
            if not problem:
                write(path, json.dumps({**read_json(path), key: seconds}, indent=1).encode())
        except FileError as error:
            problem = str(error)
    if problem:
        log.info("the speed of this machine is not remembered: %s", problem)
