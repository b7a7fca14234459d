# SPDX-License-Identifier: GPL-3.0-or-later
"""Decodes again what a campaign received, from the symbols that it kept: at another realism, by
another model, with other metrics. Nothing is sent."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from percast.engines.codecs.registry import has_realism
from percast.errors import UsageError
from percast.tools.campaign.arrived import unpack
from percast.tools.campaign.crews import Crew
from percast.tools.campaign.frozen import (
    check_models,
    clock,
    command,
    commit,
    computed,
    models_told,
    weights_told,
)
from percast.tools.campaign.jobs import Kept, bench
from percast.tools.campaign.pictures import from_png
from percast.tools.campaign.running import OnProgress
from percast.tools.campaign.store import Done, Shot, Store
from percast.tools.campaign.tables.rows import worker_died

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Again:
    """What to do with it.

    Attributes:
        realism: for every cell of codecs that have it; None keeps each cell's.
        model: for the learned code; None keeps each cell's.
        metrics: names of `percast.engines.evaluation.measure.METRICS`.
        engine: to decode with; None keeps each cell's.
        snrs_db: only what was sent at these; empty for all.
        channels: only what was sent over these; empty for all. What else was, may join the same
            pass later.
    """

    realism: float | None
    model: str | None
    metrics: tuple[str, ...]
    engine: str | None = None
    snrs_db: tuple[float, ...] = ()
    channels: tuple[str, ...] = ()

    def concerns(self, condition: Mapping[str, Any]) -> bool:
        return (not self.snrs_db or condition["snr_db_set"] in self.snrs_db) and (
            not self.channels or condition["channel"] in self.channels
        )


def decode_again(job: Kept) -> Done:
    """What a worker calls; `decodes` of the result are all of it."""
    here = bench()
    original = from_png(job.png)
    codec = here.codec(job.shot.condition, original.shape[:2])
    arrival = None if job.equalised is None else unpack(job.equalised)
    if arrival is not None:
        codec.check_made_by_this(arrival.coded)
    return Done(job.shot.shot, {}, here.decode(job, codec, arrival, original))


def remetric(
    store: Store, again: Again, crew: Crew, keep_pictures: bool, on_progress: OnProgress
) -> tuple[int, int]:
    """Decode again what `again` is concerned with.

    Returns:
        The number of the pass, and how many cells are in it.

    Raises:
        UsageError: the campaign kept no symbols, or nothing was sent like that.
        ModelError: a model cannot be opened, or is not the one that the campaign began with.
    """
    shots = [shot for shot in store.shots(done=True) if again.concerns(shot.condition)]
    if not store.keeps_symbols():
        raise UsageError(
            f"{store.path}: its plan kept no symbols (campaign.keep_symbols), or none arrived"
        )
    if not shots:
        raise UsageError(f"{store.path}: {_nothing(store, again)}")
    models = models_told(_models(shots, again))
    if again.model is None:
        check_models(store.frozen(), models)
    weights = weights_told(again.metrics)
    settings = {
        "realism": again.realism, "model": again.model, "metrics": list(again.metrics),
        "engine": again.engine, "weights": weights,
        "model_ids": {name: model["id"] for name, model in models.items()},
    }  # fmt: skip
    again = replace(again, metrics=computed(weights))
    number = store.new_pass(
        settings, models=models, command=command(), commit=commit(), clock=clock()
    )
    there = store.decoded_cells(number)
    done = len(there)
    on_progress(done)
    other = None if again.model is None else models[again.model]["id"]
    missing = 0
    for result in crew.work(_jobs(store, shots, again, keep_pictures, there, other)):
        if worker_died(result.arrival):
            missing += len(result.decodes)
            continue
        store.decoded(number, result.decodes)
        done += len(result.decodes)
        on_progress(done)
    if missing:
        log.warning("cells missing, for their workers died: %d; the same command goes on", missing)
    return number, done


def _nothing(store: Store, again: Again) -> str:
    conditions = [shot.condition for shot in store.shots(done=True)]
    if not conditions:
        return "nothing was sent yet"
    snrs = sorted({c["snr_db_set"] for c in conditions if c["snr_db_set"] is not None})
    channels = sorted({c["channel"] for c in conditions if c["channel"] is not None})
    there = (("--snr", [f"{snr:g}" for snr in snrs]), ("--channel", channels))
    return "nothing was sent like that; there is " + ", ".join(
        f"{option} {','.join(values)}" for option, values in there if values
    )


def _models(shots: Sequence[Shot], again: Again) -> set[str]:
    """Names of those that decode."""
    if again.model is not None:
        return {again.model}
    codecs = (shot.condition["settings"]["codec"] for shot in shots)
    return {codec["model"] for codec in codecs if codec["codec"] == "learned"}


def _jobs(
    store: Store,
    shots: Sequence[Shot],
    again: Again,
    pictures: bool,
    there: set[int],
    other: str | None,
) -> Iterator[Kept]:
    """What is to be decoded.

    Args:
        there: cells that are.
        other: id of the model to decode with, None for the one that each was sent with.
    """
    for shot in shots:
        new = again.realism if has_realism(shot.condition["codec"]) else None
        cells = tuple(
            (cell, realism if new is None else new)
            for cell, realism in shot.cells
            if cell not in there
        )
        if again.realism is not None:  # one of a shot's cells stands for all
            cells = cells[:1] if len(cells) == len(shot.cells) else ()
        condition = _condition(shot.condition, again, other)
        if not cells or condition is None:
            continue
        yield Kept(
            replace(shot, cells=cells, condition=condition),
            store.reference(shot.picture),
            again.metrics,
            pictures,
            symbols=False,
            equalised=_as_if_of(store.equalised(shot.shot), other),
        )


def _as_if_of(equalised: dict[str, Any] | None, model_id: str | None) -> dict[str, Any] | None:
    """Symbols as if a model had sent them, which would refuse another's."""
    if equalised is None or model_id is None:
        return equalised
    coded = json.loads(equalised["coded"]) | {"model_id": model_id}
    return equalised | {"coded": json.dumps(coded)}


def _condition(
    condition: Mapping[str, Any], again: Again, other: str | None
) -> dict[str, Any] | None:
    """A condition with what is to be different; None where another model is not for it."""
    settings = dict(condition["settings"])
    codec = dict(settings["codec"])
    changed = dict(condition)
    if again.model is not None:
        if codec["codec"] != "learned":
            return None
        codec["model"] = changed["model"] = again.model
        settings["model_id"] = other
    if again.engine is not None:
        codec["engine"] = again.engine
    return changed | {"settings": settings | {"codec": codec}}
