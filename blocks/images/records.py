# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a picture, as one line of JSON."""

import json
import math
from pathlib import Path

import numpy as np


def to_json(record: dict) -> str:
    """`record` as strict JSON in one line of ASCII; NaN and infinities become null.

    Takes str, bool, numbers, None, paths, numpy scalars and arrays, and lists, tuples and dicts
    of these.

    Raises:
        TypeError: anything else.
    """
    return json.dumps(_plain(record), allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value
