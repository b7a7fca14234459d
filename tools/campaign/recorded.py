# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording as a campaign: what it holds is demodulated once, and decoded and compared like any
other transmission."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from percast.blocks.recordings.reader import open_recording
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.reassemble import Reassembler, ReceivedImage
from percast.blocks.waveform.receive import Receiver
from percast.engines.codecs.contract import Codec
from percast.engines.evaluation.measure import Arrival
from percast.errors import LinkError, UsageError
from percast.tools.campaign.arrived import link_columns, pack, unpack
from percast.tools.campaign.checking import idle_codec
from percast.tools.campaign.jobs import Kept, bench, start_columns
from percast.tools.campaign.layout import (
    airtime,
    cells_of,
    codec_settings,
    model_name,
    picture_rows,
)
from percast.tools.campaign.pictures import from_png
from percast.tools.campaign.plan import Plan
from percast.tools.campaign.sections import RECORDING, CodecSection
from percast.tools.campaign.store import Done, Store


def received(plan: Plan) -> Iterator[ReceivedImage]:
    """The pictures of a recording, in the order of their arrival."""
    recording, profile = open_recording(plan.recording.path), _profile(plan)
    receiver, reassembler = Receiver(profile), Reassembler(profile)
    for samples, after_gap in recording.pieces():
        for packet in (*(receiver.flush() if after_gap else ()), *receiver.push(samples)):
            yield from reassembler.push(packet)
        yield from reassembler.expire(receiver.stats.samples)
    for packet in receiver.flush():
        yield from reassembler.push(packet)
    yield from reassembler.flush()


def lay_out_recording(store: Store, plan: Plan, frozen: Mapping[str, Any]) -> None:
    """Write down what a recording holds; pictures that are missing between others were lost.

    Raises:
        LinkError: it holds no pictures.
        UsageError: it holds those of a codec that the plan does not name, or of other sizes.
    """
    shown, profile = picture_rows(plan), _profile(plan)
    with _Codecs(plan.codecs) as codecs:
        conditions: dict[tuple, dict[str, Any]] = {}
        shots: list[dict[str, Any]] = []
        kept: list[dict[str, Any]] = []
        last: dict[int, ReceivedImage] = {}
        for image in received(plan):
            session, number = image.header.session, image.header.image
            before = last.get(session)
            lost = range(before.header.image + 1, number) if before else ()
            for missing in lost:
                _add(shots, conditions, codecs, before, missing, shown)
            shot = _add(shots, conditions, codecs, image, number, shown)
            kept.append({"shot": shot, **_packed(image, profile)})
            last[session] = image
    if not shots:
        raise LinkError(f"{plan.recording.path}: holds no picture: check recording.profile")
    cells = cells_of(shots, conditions.values(), plan.conditions.realisms)
    store.lay_out(shown, list(conditions.values()), shots, cells, kept, **frozen)


def decode_recorded(job: Kept) -> Done:
    """What a worker does with a picture of a recording."""
    here, shot = bench(), job.shot
    original = from_png(job.png)
    columns = start_columns(job)
    arrival = None
    if job.equalised is not None:
        arrival = unpack(job.equalised)
        columns |= {
            "received": 1,
            "symbols": len(arrival.symbols),
            "cbr_sent": len(arrival.symbols) / original.size,
            "erased": int(np.isinf(arrival.noise_var).sum()),
            **arrival.link,
        }
    codec = here.codec(shot.condition, original.shape[:2])
    return Done(shot.shot, columns, here.decode(job, codec, arrival, original))


class _Codecs:
    """The plan's codecs, without networks, by what headers say."""

    def __init__(self, sections: tuple[CodecSection, ...]):
        self._open = [(section, idle_codec(section)) for section in sections]

    def find(self, image: ReceivedImage) -> tuple[CodecSection, Codec]:
        header = image.header
        for section, codec in self._open:
            if (codec.codec_id, codec.model_id) == (header.codec, header.model):
                return section, codec
        raise UsageError(
            f"[codec] model: the recording holds codec {header.codec} with model id "
            f"{header.model.hex()}, which the plan does not name"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _, codec in self._open:
            codec.close()


def _add(
    shots: list[dict[str, Any]],
    conditions: dict[tuple, dict[str, Any]],
    codecs: _Codecs,
    like: ReceivedImage,
    number: int,
    shown: list[dict[str, Any]],
) -> int:
    """A shot of the picture of that number, sent like another; its own number."""
    place = number % len(shown)
    picture = shown[place]
    header = like.header
    if number == header.image and (header.width, header.height) != (
        picture["width"], picture["height"],
    ):  # fmt: skip
        raise UsageError(
            f"[pictures] source: picture {number} of the recording has {header.width}x"
            f"{header.height} pixels, {picture['name']} has {picture['width']}x{picture['height']}"
        )
    key = header.codec, header.model, header.cbr, header.design_snr_db
    if key not in conditions:
        section, codec = codecs.find(like)
        conditions[key] = {
            "condition": len(conditions) + 1,
            "codec": section.codec,
            "model": model_name(section, codec),
            "cbr": str(header.cbr),
            "design_snr_db": header.design_snr_db,
            "channel": RECORDING,
            "delay_spread_s": None,
            "doppler_hz": None,
            "snr_db_set": None,
            "gain_db": None,
            "settings": {
                "codec": codec_settings(section),
                "channel": None,
                "model_id": header.model.hex(),
            },
        }
    shots.append(
        {
            "shot": len(shots) + 1,
            "seq": len(shots),
            "picture": picture["sha256"],
            "number": place,
            "repeat": number // len(shown),
            "condition": conditions[key]["condition"],
            "seed": 0,
        }
    )
    return len(shots)


def _packed(image: ReceivedImage, profile: Profile) -> dict[str, Any]:
    """Columns of `equalised`, with the link's figures."""
    count = len(image.symbols)
    seconds = airtime(profile, count, image.header.design_snr_db)
    uses = seconds * profile.samp_rate * profile.occupied_fraction
    arrival = Arrival(image.header.coded, image.symbols, image.noise_var, {})
    link = link_columns(image.snr_db, image.evm_db, image.freq_offset, image.clock_ppm)
    return pack(arrival, link | {"overhead": uses / count - 1, "air_s": seconds})


def _profile(plan: Plan) -> Profile:
    """The waveform, at the sample rate that the recording tells if the plan does not."""
    recording = open_recording(plan.recording.path)
    if plan.recording.samp_rate is None and recording.samp_rate:
        return replace(plan.profile, samp_rate=recording.samp_rate)
    return plan.profile
