# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a plan against what is here, before anything is sent: codecs, models, pictures, files."""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from percast.blocks.recordings.reader import open_recording
from percast.engines.codecs.config import AUTO
from percast.engines.codecs.contract import MIN_SIDE, Codec
from percast.engines.codecs.registry import open_codec
from percast.engines.manifest import list_models
from percast.engines.runtimes.engine import ENGINES, PRECISIONS
from percast.errors import PercastError, UsageError
from percast.tools.campaign.pictures import pictures
from percast.tools.campaign.plan import Draft, Mistakes, Plan, read_plan
from percast.tools.campaign.sections import RECORDING, CodecSection, PicturesSection

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checked:
    """A plan that can be run here.

    Attributes:
        sizes: (width, height) of its pictures.
    """

    plan: Plan
    sizes: tuple[tuple[int, int], ...]


def load_plan(path: Path, changes: Iterable[str] = ()) -> Checked:
    """Reads a plan and holds it against what is here.

    Raises:
        UsageError: a line "[table] key: what" for each mistake.
    """
    return check(read_plan(path, changes))


def check(draft: Draft) -> Checked:
    """Raises `UsageError` with all that is wrong, also with what was found before."""
    parts, wrong = draft.parts, draft.wrong
    sizes = ()
    if parts["pictures"] is not None:
        sizes = _check_pictures(parts["pictures"], wrong)
    recording = parts.get("recording")
    if recording is not None:
        with _told(wrong, "recording", "path"):
            open_recording(recording.path)
    for number, codec in enumerate(parts["codecs"], 1):
        _check_codec(codec, number, parts, wrong)
    for table in ("transmitter", "receiver"):
        end = parts.get(table)
        if end is not None and end.place.keys is not None and not Path(end.place.keys).is_dir():
            wrong.add(table, "keys", f"{end.place.keys}: there is no such folder")
    checked = Checked(draft.plan(), sizes)
    _tell_left_out(checked.plan)
    return checked


def _tell_left_out(plan: Plan) -> None:
    there = {channel.model for channel in plan.channels}
    for number, codec in enumerate(plan.codecs, 1):
        if not codec.is_for(there):
            log.warning(
                "[codec.%d] %s is left out: the plan has no %s",
                number, codec.codec, " or ".join(codec.channels),
            )  # fmt: skip


def idle_codec(codec: CodecSection) -> Codec:
    """A codec without its networks: it costs nothing, and refuses what it cannot do."""
    return open_codec(codec.codec, codec.config(), roles=())


def design_snr(codec: Codec, wanted: float | None, snr_db: float | None) -> float:
    """SNR to encode for, as `percast eval` chooses it: the channel's, as far as the codec can."""
    if wanted is not None:
        return wanted
    low, high = codec.snr_db
    return codec.design_snr_db if snr_db is None else min(max(snr_db, low), high)


def _check_pictures(section: PicturesSection, wrong: Mistakes) -> tuple[tuple[int, int], ...]:
    live = section.source.startswith(("camera:", "zmq:"))
    if live and section.frames is None:
        wrong.add("pictures", "frames", f"is missing: {section.source} never ends")
        return ()
    sizes: list[tuple[int, int]] = []
    if live:
        return ()
    with _told(wrong, "pictures", "source"):
        for name, rgb in pictures(section):
            height, width = rgb.shape[:2]
            if min(height, width) < MIN_SIDE:
                raise UsageError(f"{name} has {width}x{height} pixels, {MIN_SIDE} is the least")
            sizes.append((width, height))
    return tuple(sizes)


def _check_codec(section: CodecSection, number: int, parts: dict, wrong: Mistakes) -> None:
    table = f"codec.{number}"
    if section.codec == "learned":
        _check_engine(section, table, wrong)
        if section.model == AUTO:
            what = "auto may be another on each machine: name the one whose figures are wanted"
            wrong.add(table, "model", f"{what}, {' or '.join(list_models())}")
            return
    conditions, campaign = parts["conditions"], parts["campaign"]
    if campaign.medium == RECORDING:
        rates, place = (), table
    elif section.cbrs:
        rates, place = section.cbrs, table
    else:
        rates, place = conditions.cbrs, "conditions"
    try:
        codec = _first_that_opens(section, rates)
    except PercastError as error:
        wrong.add(table, _blame(str(error)), error)
        return
    with codec:
        refused = []
        for cbr in rates:
            try:
                codec.at(cbr=cbr)
            except UsageError as error:
                refused.append(str(error))
        if refused:
            wrong.add(place, "cbr", "; ".join(dict.fromkeys(refused)))
        designs = conditions.snrs_db if conditions.design_snr_db is None else ()
        for snr_db in (conditions.design_snr_db, *designs):
            with _told(wrong, "conditions", "design_snr"):
                codec.at(design_snr_db=design_snr(codec, conditions.design_snr_db, snr_db))


def _check_engine(section: CodecSection, table: str, wrong: Mistakes) -> None:
    """Names only: whether one runs is known when it is opened, on the machines that compute."""
    for key, named, known in (
        ("engine", section.engine, (AUTO, *ENGINES)),
        ("precision", section.precision, PRECISIONS),
    ):
        if named not in known:
            wrong.add(table, key, f"no {key} '{named}': use one of {', '.join(known)}")


def _first_that_opens(section: CodecSection, rates: tuple[Fraction, ...]) -> Codec:
    """With one of its rates: constructors refuse those that they do not have."""
    failure: PercastError | None = None
    for cbr in rates or (section.cbr,):
        try:
            return open_codec(section.codec, replace(section.config(), cbr=cbr), roles=())
        except PercastError as error:
            failure = failure or error
    raise failure


def _blame(message: str) -> str:
    """The key that an error of opening is about."""
    for key, words in (
        ("model", ("model",)),
        ("codec_option", ("option",)),
        ("mcs", ("scheme",)),
        ("conceal", ("conceal",)),
    ):
        if any(word in message for word in words) and "no rate" not in message:
            return key
    return "cbr" if "no rate" in message else "codec"


@contextlib.contextmanager
def _told(wrong: Mistakes, table: str, key: str) -> Iterator[None]:
    try:
        yield
    except PercastError as error:
        wrong.add(table, key, str(error).replace("; check --source", ""))
