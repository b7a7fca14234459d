# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row was measured under, in parts that curves and panels are sorted by, and in words."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

LEARNED = "learned"
_DESIGN = "codec.design_snr_db"
_OWN_NAMES = {"base": "percast"}
_CHANNELS = {"awgn": "AWGN", "rayleigh": "Rayleigh", None: "as recorded"}


@dataclass(frozen=True, order=True)
class Code:
    """What makes symbols of pictures and pictures of symbols: a curve.

    Attributes:
        codec, model: as the store names them.
        realism: at the receiver; -1 where it has none.
        told: what tells it from other codes of the campaign with the same three, in words.
        name: for people, unique within a campaign.
    """

    codec: str
    model: str
    realism: float
    told: str
    name: str


@dataclass(frozen=True, order=True)
class Air:
    """What lies between.

    Attributes:
        channel: its model.
        delay_spread_s, doppler_hz: where it has them; -1 where not.
        told: what tells it from other channels of the campaign with the same three, in words.
    """

    channel: str
    delay_spread_s: float = -1.0
    doppler_hz: float = -1.0
    told: str = ""

    def __str__(self) -> str:
        name = _CHANNELS.get(self.channel, self.channel.upper())
        parts = [name]
        if self.delay_spread_s >= 0:
            parts.append(f"{self.delay_spread_s * 1e9:g} ns")
        if self.doppler_hz >= 0:
            parts.append(f"{self.doppler_hz:g} Hz")
        parts += [self.told] if self.told else []
        return ", ".join(parts)


@dataclass(frozen=True, order=True)
class Level:
    """How strong the signal was set to be.

    Attributes:
        kind: "snr", "gain", or "" where nothing was set.
        db: the value.
    """

    kind: str
    db: float

    def __str__(self) -> str:
        names = {"snr": "SNR", "gain": "gain"}
        return f"{names[self.kind]} {self.db:g} dB" if self.kind else "as received"


@dataclass(frozen=True, order=True)
class Condition:
    """All of it."""

    code: Code
    air: Air
    level: Level
    cbr: Fraction

    def __str__(self) -> str:
        return f"{self.code.name}, {self.air}, {self.level}, CBR {self.cbr}"

    def key(self) -> dict[str, Any]:
        """For JSON and CSV."""
        return {
            "code": self.code.name,
            "codec": self.code.codec,
            "model": self.code.model,
            "realism": None if self.code.realism < 0 else self.code.realism,
            "channel": self.air.channel,
            "delay_spread_s": None if self.air.delay_spread_s < 0 else self.air.delay_spread_s,
            "doppler_hz": None if self.air.doppler_hz < 0 else self.air.doppler_hz,
            "snr_db_set": self.level.db if self.level.kind == "snr" else None,
            "gain_db": self.level.db if self.level.kind == "gain" else None,
            "cbr": str(self.cbr),
        }


def sort_rows(
    rows: Iterable[Mapping[str, Any]], conditions: Iterable[Mapping[str, Any]]
) -> dict[Condition, list[Mapping[str, Any]]]:
    """Rows of a store by what they were measured under, in order.

    Args:
        rows: of `Store.rows`.
        conditions: of `Store.conditions`, whose settings tell apart what is otherwise the same.
    """
    conditions = list(conditions)
    settings = {c["condition"]: _settings(c) for c in conditions}
    gains = {c["condition"]: c["gain_db"] for c in conditions}  # as asked for, not as taken
    groups: dict[tuple, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        air = (row["channel"] or "", _or(row["delay_spread_s"]), _or(row["doppler_hz"]))
        code = (row["codec"], row["model"] or "", _or(row["realism"]))
        groups[code, air, _level(row, gains), Fraction(row["cbr_asked"])].append(row)
    told = _told_apart(groups, settings)
    names = _names(
        {(code, told[row["condition"]][0]) for (code, *_), some in groups.items() for row in some}
    )
    sorted_: dict[Condition, list[Mapping[str, Any]]] = defaultdict(list)
    for (code, air, level, cbr), some in groups.items():
        for row in some:
            apart, air_apart = told[row["condition"]]
            whole = Code(*code, apart, names[code, apart])
            sorted_[Condition(whole, Air(*air, air_apart), level, cbr)].append(row)
    return dict(sorted(sorted_.items(), key=lambda item: (_rank(item[0].code), item[0])))


def _rank(code: Code) -> int:
    """Learned codes first, as what a campaign is about."""
    return int(code.codec != LEARNED)


def _level(row: Mapping[str, Any], gains: Mapping[int, float | None]) -> Level:
    if row["snr_db_set"] is not None:
        return Level("snr", row["snr_db_set"])
    gain = gains[row["condition"]]
    return Level("", 0.0) if gain is None else Level("gain", gain)


def _or(value: float | None) -> float:
    return -1.0 if value is None else value


def _settings(condition: Mapping[str, Any]) -> dict[str, str]:
    """All settings of a condition as text, by their paths; the model's id says no more than its
    name."""
    flat: dict[str, str] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
        else:
            flat[path] = value if isinstance(value, str) else json.dumps(value)

    walk(condition["settings"], "")
    flat.pop("model_id", None)
    return flat | {_DESIGN: f"{condition['design_snr_db']:g}"}


def _told_apart(
    groups: Mapping[tuple, list], settings: Mapping[int, dict[str, str]]
) -> dict[int, tuple[str, str]]:
    """For each condition of the store what tells its code from others of the same codec and model,
    and its channel from others with the same figures. Codes are told apart by what differs where
    they meet, in one channel, and have the same name in all of them."""
    codes: dict[tuple, dict[tuple, set[int]]] = defaultdict(lambda: defaultdict(set))
    airs: dict[tuple, set[int]] = defaultdict(set)
    points: dict[tuple, set[int]] = defaultdict(set)
    for ((codec, model, _), air, level, cbr), some in groups.items():
        numbers = {row["condition"] for row in some}
        codes[codec, model][air] |= numbers
        airs[air] |= numbers
        points[codec, model, air, level, cbr] |= numbers
    told = dict.fromkeys(settings, "")
    for meeting in codes.values():
        told |= _differing(
            meeting.values(), settings, lambda key: not _of_channel(key) and key != _DESIGN
        )
    # What codes are designed for follows the channel's SNR: it tells those apart that differ in it
    # at the same point.
    designs: dict[tuple, set[str]] = defaultdict(set)
    for point, numbers in points.items():
        for number in numbers:
            designs[*point, told[number]].add(settings[number][_DESIGN])
    for code in {point[:2] for point, several in designs.items() if len(several) > 1}:
        everywhere = set().union(*codes[code].values())
        for number, text in _differing([everywhere], settings, _DESIGN.__eq__).items():
            told[number] = ", ".join(filter(None, (told[number], text)))
    air_told = dict.fromkeys(settings, "")
    for numbers in airs.values():
        air_told |= _differing([numbers], settings, _of_channel)
    return {number: (told[number], air_told[number]) for number in settings}


def _of_channel(key: str) -> bool:
    return key.startswith("channel")


def _differing(
    groups: Iterable[set[int]], settings: Mapping[int, dict[str, str]], of: Callable[[str], bool]
) -> dict[int, str]:
    """Of each of these conditions the settings in which those of a group differ, in words."""
    groups = list(groups)
    numbers = sorted(set().union(*groups))
    keys = sorted({key for number in numbers for key in settings[number] if of(key)})
    names = {
        key: key.rpartition(".")[2].replace("_", " ")
        for key in keys
        if any(len({settings[number].get(key) for number in group}) > 1 for group in groups)
    }
    return {
        number: ", ".join(f"{name} {settings[number].get(key, '-')}" for key, name in names.items())
        for number in numbers
    }


def _names(codes: Iterable[tuple]) -> dict[tuple, str]:
    """As short as tells each from the others."""
    codes = list(codes)
    names = {}
    for code, told in codes:
        codec, model, realism = code
        same = [other for other, _ in codes if other[0] == codec]
        if codec == LEARNED:
            name = _OWN_NAMES.get(model, f"percast {model}")
        else:
            name = codec if len({m for _, m, _ in same}) < 2 else f"{codec} {model}"
        if len({r for _, m, r in same if m == model}) > 1:
            name += f", realism {realism:g}"
        names[code, told] = name + (f" ({told})" if told else "")
    return names
