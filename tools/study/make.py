# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the folder of a study.

Pictures are stored as they will be sent: PNG without compression, whose bytes before and after the
samples, and whose length, depend on width and height alone. Compressed, a blurred picture would be
shorter than a sharp one, and take another time to unpack.
"""

import itertools
import secrets
import shutil
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from percast.engines.metrics import psnr
from percast.errors import FileError, UsageError
from percast.tools.study.config import PlanConfig, RuleConfig, parse_label
from percast.tools.study.folders import Load, in_all
from percast.tools.study.plan import PICTURES, Condition, Folder, Shown, Study, picture_name, told

_SPOILT = 12  # pixels of the original for one of its spoilt copy
_OBVIOUS_DB = 35.0  # PSNR of a spoilt copy above which it may be taken for the original


def make(
    out: Path,
    originals: Mapping[str, Load],
    conditions: Mapping[str, Mapping[str, Load]],
    plan: PlanConfig,
    rule: RuleConfig,
) -> Folder:
    """Make a study.

    Args:
        out: its folder, which must not be there yet, or be empty.
        originals: by name.
        conditions: by the condition's name, then the original's. Those without pictures are in no
            pair, and the study says so.

    Raises:
        UsageError, FileError: nothing is left behind.
    """
    lost = tuple(name for name, pictures in conditions.items() if not pictures)
    conditions = {name: pictures for name, pictures in conditions.items() if pictures}
    table = tuple(Condition(name, *parse_label(name)) for name in conditions)
    try:
        pairs = tuple(_pairs(table, plan.pairs))
    except UsageError as error:
        if not lost:
            raise
        raise UsageError(f"nothing came out of {', '.join(lost)}; of the rest: {error}") from error
    names = in_all(originals, conditions)
    consent = plan.consent_text()
    for text in (*names, *conditions, *lost, plan.title, *plan.asks):
        _check_text(text)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileError(f"{out} is there already: give another --out")
    made = not out.exists()
    try:
        with told(out):
            (out / PICTURES).mkdir(parents=True)
            shown = tuple(
                _store(out, name, originals, conditions, plan.catches > 0) for name in names
            )
        study = Study(
            title=plan.title,
            question=plan.question,
            equal=plan.equal,
            original=not plan.without_original,
            consent=consent,
            asks=plan.asks,
            conditions=table,
            pictures=shown,
            pairs=pairs,
            trials=plan.trials,
            repeats=plan.repeats,
            catches=plan.catches,
            seed=secrets.randbits(63) if plan.seed is None else plan.seed,
            rule=rule,
            left_out=tuple(name for name in originals if name not in names),
            lost=lost,
        )
        return Folder.create(out, study)
    except BaseException:
        shutil.rmtree(out if made else out / PICTURES, ignore_errors=True)
        raise


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # a file's name in another encoding
        raise UsageError(f"{text!a} is no UTF-8: no report could name it") from error


def _pairs(conditions: tuple[Condition, ...], which: str):
    if len(conditions) < 2:
        raise UsageError("give at least two conditions: one has nothing to be compared with")
    for a, b in itertools.combinations(range(len(conditions)), 2):
        if which == "all" or conditions[a].code != conditions[b].code:
            yield a, b
    if which == "across" and len({condition.code for condition in conditions}) == 1:
        raise UsageError("all conditions are of one code: give --pairs all")


def _store(
    out: Path,
    name: str,
    originals: Mapping[str, Load],
    conditions: Mapping[str, Mapping[str, Load]],
    catches: bool,
) -> Shown:
    original = originals[name]()
    height, width = original.shape[:2]
    spoilt = _spoil(original)
    if catches and (alike := psnr(original, spoilt)) > _OBVIOUS_DB:
        raise FileError(
            f"'{name}' is so plain that nobody can tell it from its spoilt copy (PSNR {alike:.0f} "
            "dB), so it makes no catch trial: leave it out, or give --catches 0"
        )
    files = []
    for condition, pictures in conditions.items():
        rgb = pictures[name]()
        if rgb.shape != original.shape:
            raise FileError(
                f"{condition}: '{name}' has {rgb.shape[1]}x{rgb.shape[0]} pixels, its original "
                f"{width}x{height}: --size fits originals to what was sent"
            )
        files.append(_write(out, rgb))
    return Shown(name, width, height, _write(out, original), _write(out, spoilt), tuple(files))


def _write(out: Path, rgb: np.ndarray) -> str:
    data = plain_png(rgb)
    name = picture_name(data)
    (out / PICTURES / f"{name}.png").write_bytes(data)
    return name


def plain_png(rgb: np.ndarray) -> bytes:
    """PNG (ISO/IEC 15948) of one IDAT chunk, of stored blocks, every row with filter 0: all but the
    samples and their checksums depends on the shape alone.

    Not by Pillow, which picks a filter for each row by what is in it.
    """
    height, width = rgb.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = rgb.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _spoil(rgb: np.ndarray) -> np.ndarray:
    """A copy that nobody prefers: blocks of `_SPOILT` pixels."""
    height, width = rgb.shape[:2]
    small = (max(1, width // _SPOILT), max(1, height // _SPOILT))
    image = Image.fromarray(rgb).resize(small, Image.Resampling.BOX)
    return np.asarray(image.resize((width, height), Image.Resampling.NEAREST))
