# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot as a worker does it: wherever the worker runs, it gets a `Job` and gives a `Done`."""

import json
import os
import platform
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from percast.blocks.images.messages import encode_png
from percast.engines.codecs.config import DEFAULTS, CodecConfig, parse_cbr
from percast.engines.codecs.contract import Codec, CodecFault, CodedImage, Picture, Symbols
from percast.engines.codecs.registry import open_codec
from percast.engines.evaluation import measure
from percast.engines.evaluation.measure import Arrival, Metric, Outcome, Sent
from percast.errors import ModelError
from percast.flowgraphs.evaluation_channel import AirConfig
from percast.flowgraphs.numpy_link import NumpyLink
from percast.tools.campaign.arrived import link_columns, pack
from percast.tools.campaign.pictures import from_png
from percast.tools.campaign.store import Done, Shot

_ENCODED = 64  # pictures kept encoded: the next condition may send the same symbols


@dataclass(frozen=True)
class Job:
    """What a worker must know of a shot.

    Attributes:
        shot: see there.
        png: the picture.
        metrics: names of `measure.METRICS`, whose weights must be there.
        pictures, symbols: whether they are kept.
        attempt: how often it was tried before, and once more.
    """

    shot: Shot
    png: bytes = field(repr=False)
    metrics: tuple[str, ...]
    pictures: bool
    symbols: bool
    attempt: int = 1


@dataclass(frozen=True)
class Kept(Job):
    """A job whose symbols have come already.

    Attributes:
        equalised: columns of the table; None where nothing was received.
    """

    equalised: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Flight:
    """What became of symbols that were sent.

    Attributes:
        arrival: None where nothing arrived; its `link` is not used.
        columns: of `arrivals`, as far as the link knows them.
    """

    arrival: Arrival | None
    columns: Mapping[str, Any]


Link = Callable[[Shot, CodedImage, Symbols], Flight]


class Bench:
    """Open codecs and metrics of a process, and what it has encoded last; see `measure`."""

    def __init__(self) -> None:
        self._codecs: dict[str, Codec] = {}
        self._metrics: dict[tuple[str, ...], dict[str, Metric]] = {}
        self._warm: set[tuple] = set()
        self._encoded: OrderedDict[tuple, Sent] = OrderedDict()
        self._picture: tuple[str, Picture] = "", np.zeros((0, 0, 3), np.uint8)

    def measure(self, job: Job, link: Link) -> Done:
        """Makes a shot: encodes, sends, decodes at every realism, compares.

        Raises:
            PercastError: what concerns more than this shot.
        """
        shot, condition = job.shot, job.shot.condition
        original = self._read(job)
        codec = self.codec(condition, original.shape[:2])
        columns = start_columns(job)
        try:
            sent = self._encode(codec, condition, shot.picture, original)
        except CodecFault as error:  # it does not fit, or the codec made a mistake
            columns["error"] = str(error)
            nothing = Outcome(0.0, None, False, dict.fromkeys(measure.METRICS.values()), None)
            return Done(shot.shot, columns, [_decode_row(c, r, condition, nothing, None)
                                             for c, r in shot.cells])  # fmt: skip
        columns |= {
            "cbr_sent": len(sent.symbols) / original.size,
            "encode_s": sent.encode_ms / 1e3,
            "symbols": len(sent.symbols),
            "sent_at": time.time(),
        }
        flight = link(shot, sent.coded, sent.symbols)
        arrival = flight.arrival
        columns |= {"received": int(arrival is not None)}
        if arrival is not None:
            columns["received_at"] = time.time()
            columns["erased"] = int(np.isinf(arrival.noise_var).sum())
        columns |= flight.columns
        decodes = self.decode(job, codec, arrival, original)
        kept = pack(arrival) if job.symbols and arrival is not None else None
        return Done(shot.shot, columns, decodes, kept)

    def decode(
        self, job: Job, codec: Codec, arrival: Arrival | None, original: Picture
    ) -> list[dict[str, Any]]:
        """Rows of `decodes` of a shot's cells.

        Raises:
            ModelError: weights of a metric are not here: its column would have holes.
        """
        metrics = self._opened(job.metrics)
        rows = []
        for cell, realism in job.shot.cells:
            error = None
            try:
                outcome = measure.decode(codec, arrival, realism, original, metrics)
            except CodecFault as fault:
                outcome, error = Outcome(realism, None, False, {}, None), str(fault)
            row = _decode_row(cell, realism, job.shot.condition, outcome, error)
            if job.pictures and outcome.picture is not None:
                row["image"] = encode_png(outcome.picture)
            rows.append(row)
        return rows

    def codec(self, condition: Mapping[str, Any], size: Sequence[int]) -> Codec:
        """The codec of a condition, ready for pictures of (height, width).

        Raises:
            ModelError: what lies here under its name is not what the campaign began with.
        """
        cbr = parse_cbr(condition["cbr"])
        key = _opens(condition)
        if key not in self._codecs:
            settings = condition["settings"]["codec"]
            config = codec_config(settings, cbr, condition["design_snr_db"])
            codec = open_codec(config.codec, config)
            try:
                _check_model(codec, condition)
            except ModelError:
                codec.close()
                raise
            self._codecs[key] = codec
        if (key, *size) not in self._warm:  # compiling for it shall not count
            self._warm.add((key, *size))
            self._codecs[key].warm_up(*size)
        return self._codecs[key].at(cbr, condition["design_snr_db"])

    def close(self) -> None:
        for codec in self._codecs.values():
            codec.close()
        self._codecs = {}

    def _opened(self, names: tuple[str, ...]) -> dict[str, Metric]:
        if names not in self._metrics:
            opened = measure.open_metrics(names, 1)
            missing = [name for name in names if measure.METRICS[name] not in opened]
            if missing:
                raise ModelError(
                    f"{', '.join(missing)} cannot be computed on {platform.node()}: there, "
                    f"`percast eval fetch-weights --metrics {','.join(missing)}`"
                )
            self._metrics[names] = opened
        return self._metrics[names]

    def _read(self, job: Job) -> Picture:
        if self._picture[0] != job.shot.picture:
            self._picture = job.shot.picture, from_png(job.png)
        return self._picture[1]

    def _encode(
        self, codec: Codec, condition: Mapping[str, Any], sha: str, original: Picture
    ) -> Sent:
        key = sha, _opens(condition), condition["cbr"], condition["design_snr_db"]
        if key not in self._encoded:
            self._encoded[key] = measure.encode(codec, original)
            if len(self._encoded) > _ENCODED:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(key)
        return self._encoded[key]


_COLUMNS = (
    "error", "cbr_sent", "overhead", "symbols", "erased", "snr_db_measured", "evm_db",
    "freq_offset_hz", "clock_ppm", "gain_db_took", "encode_s", "air_s", "sent_at", "received_at",
)  # fmt: skip


def simulated(shot: Shot, coded: CodedImage, symbols: Symbols) -> Flight:
    """The link of simulated conditions: what `percast eval` sends through, with the shot's seed."""
    condition = shot.condition
    config = AirConfig(**condition["settings"]["channel"] | {"seed": shot.seed})
    send = config.open().send
    snr_db = condition["snr_db_set"]
    if not isinstance(send, NumpyLink):
        return Flight(send(coded, symbols, snr_db, shot.number), {})
    image, samples = send.send(coded, symbols, snr_db, shot.number)
    profile = send.profile
    columns = {
        "overhead": samples * profile.occupied_fraction / len(symbols) - 1,
        "air_s": samples / profile.samp_rate,
    }
    if image is None:
        return Flight(None, columns)
    arrival = Arrival(image.header.coded, image.symbols, image.noise_var, {})
    columns |= link_columns(image.snr_db, image.evm_db, image.freq_offset, image.clock_ppm)
    return Flight(arrival, columns)


def start_columns(job: Job) -> dict[str, Any]:
    """Columns of `arrivals` before anything is known."""
    return dict.fromkeys(_COLUMNS) | {
        "received": 0, "attempts": job.attempt, "worker": _here(),
    }  # fmt: skip


_bench: Bench | None = None


def bench() -> Bench:
    """This process's."""
    global _bench
    if _bench is None:
        _bench = Bench()
    return _bench


def simulate(job: Job) -> Done:
    """What a worker of a cluster calls."""
    return bench().measure(job, simulated)


def codec_config(settings: Mapping[str, Any], cbr: Any, design_snr_db: float) -> CodecConfig:
    """To open a codec, from a store's JSON."""
    options = tuple((key, value) for key, value in settings["options"])
    config = CodecConfig(**settings | {"options": options, "cbr": cbr})
    if config.codec == DEFAULTS.codec:  # older plans could say what the learned code never heeded
        config = replace(config, mcs=DEFAULTS.mcs, conceal=DEFAULTS.conceal)
    return replace(config, design_snr_db=design_snr_db)


def _opens(condition: Mapping[str, Any]) -> str:
    """What tells a codec from others that are open: a worker may outlive a campaign, and the model
    that lies at a path."""
    settings = condition["settings"]
    return json.dumps([settings["codec"], settings.get("model_id")], sort_keys=True)


def _check_model(codec: Codec, condition: Mapping[str, Any]) -> None:
    due = condition["settings"].get("model_id")
    if due not in (None, codec.model_id.hex()):
        raise ModelError(
            f"{codec.kind} on {platform.node()} has model id {codec.model_id.hex()}, the campaign "
            f"is of {due}: put that one there, or begin another campaign"
        )


def _decode_row(
    cell: int,
    realism: float | None,
    condition: Mapping[str, Any],
    outcome: Outcome,
    error: str | None,
) -> dict[str, Any]:
    took = outcome.decode_ms
    row: dict[str, Any] = dict.fromkeys(measure.METRICS.values())
    return (
        row
        | dict(outcome.figures)
        | {
            "cell": cell,
            "realism": realism,
            "model": condition["model"],
            "undecodable": int(outcome.undecodable),
            "error": error,
            "decode_s": None if took is None else took / 1e3,
            "image": None,
        }
    )


def _here() -> str:
    return f"{platform.node()}:{os.getpid()}"
