# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan comes to: its conditions, and its cells in the order in which they are done.

Neighbours in time are the same picture under every condition, in an order drawn for each picture:
what drifts slowly meets all conditions alike, and comparisons are paired by picture.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from percast.blocks.images.messages import encode_png
from percast.blocks.waveform.profile import Profile, WaveformConfig
from percast.blocks.waveform.transmit import packet_span, packets_needed, payload_symbols
from percast.engines.codecs.config import parse_cbr
from percast.engines.codecs.contract import Codec
from percast.engines.codecs.registry import has_realism
from percast.flowgraphs.evaluation_channel import AirConfig
from percast.tools.campaign.checking import Checked, design_snr, idle_codec
from percast.tools.campaign.pictures import digest, pictures
from percast.tools.campaign.plan import Plan
from percast.tools.campaign.sections import AIR, RECORDING, CodecSection
from percast.tools.campaign.store import Store

Rows = list[dict[str, Any]]
Realisms = Sequence[float | None]

_PNG_SHARE = 0.6  # of a photograph's samples, as a PNG
_ROW_BYTES = 1500  # of a cell, without its picture and symbols


@dataclass(frozen=True)
class Outlook:
    """What a plan will take.

    Attributes:
        pictures: how many.
        conditions, shots, cells: how many; None where a recording will tell.
        air_seconds: of signal; None where there is none, or it is not known before.
        bytes: on the disk, about; without what a recording holds.
    """

    pictures: int
    conditions: int | None
    shots: int | None
    cells: int | None
    air_seconds: float | None
    bytes: int


def conditions_of(plan: Plan) -> Rows:
    """Rows of `conditions`, numbered from 1."""
    rows = []
    for section in plan.codecs:
        with idle_codec(section) as codec:
            rows += list(_conditions_of(plan, section, codec))
    return [{"condition": number, **row} for number, row in enumerate(rows, 1)]


def _conditions_of(plan: Plan, section: CodecSection, codec: Codec) -> Iterator[dict[str, Any]]:
    wanted = plan.conditions
    on_air = plan.campaign.medium == AIR
    channels = (None,) if on_air else _channels(plan, section)
    levels = [(snr, None) for snr in wanted.snrs_db] or [(None, gain) for gain in wanted.gains_db]
    for cbr, channel, (snr, gain) in itertools.product(plan.rates(section), channels, levels):
        yield {
            "codec": section.codec,
            "model": model_name(section, codec),
            "cbr": str(cbr),
            "design_snr_db": design_snr(codec, wanted.design_snr_db, snr),
            "channel": channel.model if channel else AIR,
            "delay_spread_s": channel.delay_spread if channel else None,
            "doppler_hz": channel.doppler if channel else None,
            "snr_db_set": snr,
            "gain_db": gain,
            "settings": {
                "codec": codec_settings(section),
                "channel": channel and asdict(channel),
                "model_id": codec.model_id.hex(),
            },
        }


def model_name(section: CodecSection, codec: Codec) -> str:
    """The model of a codec that has one, or else the codec's name."""
    return section.model if section.codec == "learned" else codec.name


def codec_settings(section: CodecSection) -> dict[str, Any]:
    """What opens it, for JSON."""
    return asdict(section.config()) | {"cbr": str(section.cbr)}


def _channels(plan: Plan, codec: CodecSection) -> list[AirConfig]:
    """Those that a codec is measured over."""
    sections = (channel for channel in plan.channels if codec.is_for({channel.model}))
    return [air for section in sections for air in section.each(plan.campaign.seed)]


def shots_of(plan: Plan, shas: Sequence[str], conditions: Rows) -> tuple[Rows, Rows]:
    """Rows of `shots` and of `cells`, numbered from 1 in their order.

    Args:
        shas: of the pictures, in the order of the source.
        conditions: rows of the table.
    """
    rng = np.random.default_rng((plan.campaign.seed, 0x5EC))
    shots: Rows = []
    for repeat in range(plan.campaign.repeats):
        for picture in rng.permutation(len(shas)):
            for place in rng.permutation(len(conditions)):
                shots.append(
                    {
                        "shot": len(shots) + 1,
                        "seq": len(shots),
                        "picture": shas[picture],
                        "number": int(picture),
                        "repeat": repeat,
                        "condition": conditions[place]["condition"],
                        "seed": plan.campaign.seed + repeat,
                    }
                )
    return shots, cells_of(shots, conditions, plan.conditions.realisms)


def cells_of(shots: Rows, conditions: Iterable[Mapping[str, Any]], realisms: Realisms) -> Rows:
    """Rows of `cells`, numbered from 1: every shot at every realism that its codec has."""
    decoded = {row["condition"]: _realisms(row["codec"], realisms) for row in conditions}
    pairs = [(shot["shot"], r) for shot in shots for r in decoded[shot["condition"]]]
    return [
        {"cell": number, "shot": shot, "realism": realism}
        for number, (shot, realism) in enumerate(pairs, 1)
    ]


def _realisms(codec: str, wanted: Realisms) -> Realisms:
    return wanted if has_realism(codec) else (None,)


def picture_rows(plan: Plan) -> Rows:
    """Rows of `pictures` in the order of the source, from number 0. One that comes again has a row
    again: a sender numbers it, too."""
    rows: Rows = []
    images: dict[str, bytes] = {}
    for number, (name, rgb) in enumerate(pictures(plan.pictures)):
        sha = digest(rgb)
        if sha not in images:
            images[sha] = encode_png(rgb)
        height, width = rgb.shape[:2]
        rows.append(
            {
                "sha256": sha, "number": number, "name": name,
                "width": width, "height": height, "image": images[sha],
            }
        )  # fmt: skip
    return rows


def lay_out(store: Store, plan: Plan, frozen: Mapping[str, Any]) -> None:
    """Write down all that is to be done."""
    shown, conditions = picture_rows(plan), conditions_of(plan)
    shots, cells = shots_of(plan, [row["sha256"] for row in shown], conditions)
    store.lay_out(shown, conditions, shots, cells, **frozen)


def outlook(checked: Checked) -> Outlook:
    """What a plan will take, without looking at its channel."""
    plan, sizes = checked.plan, checked.sizes
    count = len(sizes) or plan.pictures.frames or 0
    conditions = decoded = seconds = symbols = 0
    for section in plan.codecs:
        realisms = len(_realisms(section.codec, plan.conditions.realisms))
        with idle_codec(section) as codec:
            for row in _conditions_of(plan, section, codec):
                conditions += 1
                decoded += realisms
                profile = _profile(plan, row)
                at = codec.at(cbr=parse_cbr(row["cbr"]))
                for width, height in sizes:
                    n = at.symbol_count(height, width, at.cbr)
                    symbols += n
                    seconds += airtime(profile, n, row["design_snr_db"]) if profile else 0.0
    repeats = plan.campaign.repeats
    raw = sum(3 * width * height for width, height in sizes)
    kept = _PNG_SHARE * raw * decoded if plan.campaign.pictures else 0
    kept += 12 * symbols if plan.campaign.symbols else 0
    cells = count * decoded * repeats
    told = plan.campaign.medium == RECORDING
    return Outlook(
        pictures=count,
        conditions=None if told else conditions,
        shots=None if told else count * conditions * repeats,
        cells=None if told else cells,
        air_seconds=seconds * repeats or None,
        bytes=int(kept * repeats + _PNG_SHARE * raw + _ROW_BYTES * cells),
    )


def airtime(profile: Profile, symbols: int, design_snr_db: float) -> float:
    """Seconds of a picture's packets, as long as that SNR makes their headers."""
    profile = profile.towards(design_snr_db)
    packets = packets_needed(profile, symbols)
    samples = 0
    for packet in range(packets):
        lo, hi = packet_span(profile, symbols, packets, packet)
        samples += profile.packet_len(payload_symbols(profile, hi - lo))
    return samples / profile.samp_rate


def _profile(plan: Plan, row: dict[str, Any]) -> Profile | None:
    if plan.campaign.medium == AIR:
        return plan.profile
    channel = row["settings"]["channel"]
    if not channel["waveform"]:
        return None
    return WaveformConfig(channel["profile"] or WaveformConfig.profile).open()
