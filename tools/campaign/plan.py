# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan: a TOML file, read whole, with every mistake told at once."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from percast.blocks.channel.config import MODELS
from percast.blocks.waveform.profile import Profile, WaveformConfig
from percast.errors import UsageError, one_line
from percast.flowgraphs.radios.config import RadioConfig, check_flags
from percast.flowgraphs.radios.safety.naming import check_words
from percast.settings import SettingError, Settings, keys_of
from percast.tools.campaign.sections import (
    AIR,
    RECORDING,
    SIMULATION,
    AirSection,
    CampaignSection,
    ChannelSection,
    CodecSection,
    ConditionsSection,
    EndSection,
    PicturesSection,
    RecordingSection,
)

T = TypeVar("T", bound=Settings)

_ALWAYS = {
    "campaign": CampaignSection,
    "pictures": PicturesSection,
    "conditions": ConditionsSection,
}
_OF_MEDIUM = {
    SIMULATION: ("channel",),
    RECORDING: ("recording",),
    AIR: ("air", "transmitter", "receiver"),
}
_SEVERAL = {"codec": CodecSection, "channel": ChannelSection}
_TABLES = (*_ALWAYS, *_SEVERAL, "recording", "air", "transmitter", "receiver")


@dataclass(frozen=True)
class End:
    """One end of a link on the air.

    Attributes:
        place: where it runs.
        radio: as it is to be set, keys of `RadioConfig`.
    """

    place: EndSection
    radio: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A plan whose tables make sense by themselves; `checking` holds it against what is here.

    Attributes:
        name: of the plan.
        text: of its file.
        parsed: its tables, with what was set on the command line.
        recording, air, transmitter, receiver: of that medium only.
    """

    name: str
    text: str
    parsed: Mapping[str, Any]
    campaign: CampaignSection
    pictures: PicturesSection
    conditions: ConditionsSection
    codecs: tuple[CodecSection, ...]
    channels: tuple[ChannelSection, ...] = ()
    recording: RecordingSection | None = None
    air: AirSection | None = None
    transmitter: End | None = None
    receiver: End | None = None

    def rates(self, codec: CodecSection) -> tuple[Fraction, ...]:
        """Nominal rates of one of its codecs."""
        return codec.cbrs or self.conditions.cbrs

    @property
    def profile(self) -> Profile:
        """The waveform of the air or of the recording."""
        told = self.air or self.recording
        return WaveformConfig(told.profile, told.samp_rate).open()


@dataclass
class Mistakes:
    """Lines "[table] key: what", all of which are told."""

    lines: list[str] = field(default_factory=list)

    def add(self, table: str, key: str, what: object) -> None:
        """Tell of a key, unless something was told of it already."""
        place = f"[{table}] {key}:"
        if not any(line.startswith(place) for line in self.lines):
            self.lines.append(f"{place} {one_line(what, None)}")

    def of(self, table: str) -> bool:
        """Whether something was told of a table, or of one of several."""
        return any(re.match(rf"\[{table}[.\]]", line) for line in self.lines)

    def read(self, kind: type[T], table: Mapping[str, Any], name: str) -> T | None:
        """The settings of a table, without the keys that are wrong: what else is wrong shows then.

        None where a key is missing that must be there.
        """
        left = dict(table)
        while True:
            try:
                return kind.from_mapping(left, name)
            except UsageError as error:
                told = [_with_colon(line) for line in str(error).splitlines()]
            keys = [line.partition("] ")[2].partition(":")[0] for line in told]
            for key, line in zip(keys, told, strict=True):
                self.add(name, key, line.partition(": ")[2])
            if not left.keys() & keys:
                return None
            left = {key: value for key, value in left.items() if key not in keys}

    def check(self) -> None:
        """Raise what there is."""
        if self.lines:
            raise UsageError("\n".join(dict.fromkeys(self.lines)))


def _with_colon(line: str) -> str:
    """`Settings` tells "[table] key must be ...": a colon after the key makes all lines alike."""
    place, _, rest = line.partition("] ")
    key, space, what = rest.partition(" ")
    return line if key.endswith(":") or not space else f"{place}] {key}: {what}"


@dataclass(frozen=True)
class Draft:
    """What could be read of a plan, and what is wrong with it so far.

    Attributes:
        parts: fields of `Plan`; None where a table could not be read.
    """

    parts: Mapping[str, Any]
    wrong: Mistakes

    def plan(self) -> Plan:
        """Raises `UsageError` with a line for each mistake."""
        self.wrong.check()
        return Plan(**self.parts)


def read_plan(path: Path, changes: Iterable[str] = ()) -> Draft:
    """Reads a plan.

    Args:
        path: of the file.
        changes: "table.key=value", as typed; "codec.2.key=value" is of the second [[codec]].

    Raises:
        UsageError: it is no TOML, or a change makes no sense.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UsageError(f"plan {path}: cannot be read ({error})") from error
    return parse_plan(text, path.stem, changes)


def parse_plan(text: str, name: str, changes: Iterable[str] = ()) -> Draft:
    """A plan from its text; see `read_plan`."""
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"plan {name}: not TOML: {error}") from error
    for change in changes:
        _change(parsed, change)
    return plan_of_tables(parsed, name, text)


def plan_of_tables(parsed: Mapping[str, Any], name: str, text: str) -> Draft:
    """A plan from its tables; `text` is that of its file."""
    wrong = Mistakes()
    sound = {table: parsed[table] for table in parsed if _known(table, parsed[table], wrong)}
    parts: dict[str, Any] = {"name": name, "text": text, "parsed": parsed}
    parts |= {
        table: wrong.read(kind, sound.get(table, {}), table) for table, kind in _ALWAYS.items()
    }
    medium = parts["campaign"].medium
    for table in sound:
        fits = next((m for m, tables in _OF_MEDIUM.items() if table in tables), medium)
        if fits != medium:
            wrong.add(table, "medium", f'goes with medium = "{fits}", not "{medium}"')
    parts["codecs"] = _list_of(CodecSection, "codec", sound, wrong)
    if medium == SIMULATION:
        parts["channels"] = _list_of(ChannelSection, "channel", sound, wrong)
    _check_channels(parts["codecs"], parts.get("channels"), wrong)
    if medium == RECORDING:
        parts["recording"] = wrong.read(RecordingSection, sound.get("recording", {}), "recording")
    if medium == AIR:
        parts["air"] = wrong.read(AirSection, sound.get("air", {}), "air")
        for table in ("transmitter", "receiver"):
            parts[table] = _end(table, sound.get(table, {}), parts["air"], wrong)
    _check_conditions(medium, parts["conditions"], wrong)
    return Draft(parts, wrong)


def _check_channels(
    codecs: Sequence[CodecSection], channels: Iterable[ChannelSection] | None, wrong: Mistakes
) -> None:
    """Whether the channels that codecs name make sense; None where none is simulated. One that is
    not in the plan is no mistake while something is left to measure: `--set` changes channels."""
    there = {channel.model for channel in channels or ()}
    left = any(codec.is_for(there) for codec in codecs)
    for number, codec in enumerate(codecs, 1):
        unknown = [model for model in codec.channels if model not in MODELS]
        if unknown:
            what = f"no channel '{unknown[0]}': use one of {', '.join(MODELS)}"
        elif codec.channels and channels is None:
            what = "is for simulated channels"
        elif codec.channels and not left and not wrong.of("channel"):
            what = f"the plan has {', '.join(sorted(there))} only"
        else:
            continue
        wrong.add(f"codec.{number}", "channel", what)


def _known(table: str, content: object, wrong: Mistakes) -> bool:
    """Whether a table is one of ours, and of the right kind."""
    if table not in _TABLES:
        near = difflib.get_close_matches(table, _TABLES, 1)
        hint = f": did you mean [{near[0]}]?" if near else f"; there are {', '.join(_TABLES)}"
        kind = "table" if isinstance(content, dict | list) else "key outside tables"
        wrong.add(table, "table", f"there is no such {kind}{hint}")
        return False
    if table in _SEVERAL:
        if not isinstance(content, list) or not all(isinstance(c, dict) for c in content):
            wrong.add(table, "table", f"write [[{table}]], for there may be several")
            return False
    elif not isinstance(content, dict):
        wrong.add(table, "table", f"write [{table}]: there is one")
        return False
    return True


def _list_of(kind: type[T], name: str, tables: Mapping, wrong: Mistakes) -> tuple[T, ...]:
    """All tables of a kind; one of defaults where there is none."""
    found = tables.get(name) or [{}]
    read = [wrong.read(kind, table, f"{name}.{n}") for n, table in enumerate(found, 1)]
    for n, table in enumerate(found, 1):
        if table in found[: n - 1]:
            wrong.add(f"{name}.{n}", name, "is the same as another")
    return tuple(one for one in read if one is not None)


def _end(name: str, table: Mapping, air: AirSection | None, wrong: Mistakes) -> End | None:
    """[transmitter] or [receiver]: keys of its place and of its radio."""
    places = set(keys_of(EndSection).values())
    own = {key: value for key, value in table.items() if key in places}
    radio = {key: value for key, value in table.items() if key not in places}
    place = wrong.read(EndSection, own, name)
    rate = air and WaveformConfig(air.profile, air.samp_rate).open().samp_rate
    transmit = name == "transmitter"
    config = wrong.read(_radio(rate), radio, name)
    if place is None or config is None:
        return None
    if not config.hardware:
        wrong.add(name, "device", f'{config.device} is no radio: take medium = "recording"')
    try:
        check_flags(config, transmit)
        check_words(config, transmit)
    except SettingError as error:
        wrong.add(name, keys_of(RadioConfig).get(error.field, error.field), error.reason)
    except UsageError as error:
        wrong.add(name, "args", str(error).removeprefix("--args "))
    return End(place, radio)


def _radio(samp_rate: float | None) -> type:
    """`RadioConfig` at a sample rate, for `Mistakes.read`."""

    class AtRate:
        @staticmethod
        def from_mapping(table: Mapping[str, Any], where: str) -> RadioConfig:
            others = {} if samp_rate is None else {"samp_rate": samp_rate}
            return RadioConfig.from_mapping(table, where, **others)

    return AtRate


def _check_conditions(medium: str, wanted: ConditionsSection, wrong: Mistakes) -> None:
    if medium == SIMULATION:
        if wanted.gains_db:
            wrong.add("conditions", "gain", "is for the air: a simulated channel has snr")
        if not wanted.snrs_db:
            wrong.add("conditions", "snr", "is missing: dB, a number or a list")
    elif medium == AIR:
        if bool(wanted.gains_db) == bool(wanted.snrs_db):
            what = "give snr, for which gains are calibrated, or gain: one of the two"
            wrong.add("conditions", "gain" if wanted.gains_db else "snr", what)
    else:
        for key, values in (("snr", wanted.snrs_db), ("gain", wanted.gains_db)):
            if values:
                wrong.add("conditions", key, "a recording has its own")


def _change(parsed: dict[str, Any], change: str) -> None:
    """Set "table.key=value" in the tables, or a whole table: "channel=[{channel='awgn'}]"."""
    place, equals, text = change.partition("=")
    *tables, key = (part.strip() for part in place.split("."))
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    if equals and not tables and isinstance(value, dict | list):
        parsed[key] = value
        return
    if not equals or not tables or not key:
        raise UsageError(f"--set {change}: give TABLE.KEY=VALUE")
    for table in _descend(parsed, tables, change):
        table[key] = value


def _descend(parsed: dict[str, Any], tables: list[str], change: str) -> Iterator[dict[str, Any]]:
    name, *number = tables
    if name in _SEVERAL:
        found = parsed.setdefault(name, [{}])
        if not number:
            yield from found
            return
        if not (number[0].isdecimal() and 1 <= int(number[0]) <= len(found)):
            raise UsageError(f"--set {change}: there is no {name} number {'.'.join(number)}")
        yield found[int(number[0]) - 1]
        return
    if number or not isinstance(parsed.setdefault(name, {}), dict):
        raise UsageError(f"--set {change}: give TABLE.KEY=VALUE")
    yield parsed[name]
