# SPDX-License-Identifier: GPL-3.0-or-later
"""What an observer's page may send: small JSON objects, checked field by field."""

import json
from typing import Any

from percast.tools.study.answers import EQUAL, LEFT, RIGHT, Given
from percast.tools.study.plan import Study

MAX_BYTES = 16384
_DAY_MS = 86_400_000.0
_MOST_ASKED = 500  # characters
DISPLAY = {  # what the display check finds: name -> range
    "width": (1, 100_000),  # of the screen, the page's pixels
    "height": (1, 100_000),
    "pixel_ratio": (0.1, 20),
    "pixel_mm": (0.005, 5),  # size of a pixel of the screen, by the ruler
    "steps": (0, 64),  # of the grey ramp that can be told apart
}


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: it is none, or too large.
    """
    if len(body) > MAX_BYTES:
        raise ValueError("the message is too large")
    try:
        found = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError("the message is no JSON") from error
    if not isinstance(found, dict):
        raise ValueError("the message is no object")
    return found


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number")


def parse_begin(message: dict[str, Any], study: Study) -> tuple[dict[str, float], list[str]]:
    """Display check and answers to the operator's questions, of {"agree", "display", "asked"}.

    Raises:
        ValueError: something else.
    """
    _check_keys(message, {"agree", "display", "asked"})
    display, asked = message["display"], message["asked"]
    if message["agree"] is not True:
        raise ValueError("nobody takes part without agreeing")
    if not isinstance(display, dict) or not isinstance(asked, list):
        raise ValueError("display must be an object, asked a list")
    if not display.keys() <= DISPLAY.keys():
        raise ValueError("display has unknown fields")
    if len(asked) != len(study.asks) or any(
        not isinstance(each, str) or len(each) > _MOST_ASKED for each in asked
    ):
        raise ValueError(f"asked must be {len(study.asks)} texts")
    for each in asked:
        each.encode()  # half of a surrogate pair is no text; `UnicodeEncodeError` is a `ValueError`
    return {name: _number(display, name, *DISPLAY[name]) for name in display}, asked


def parse_answer(message: dict[str, Any], study: Study) -> tuple[str, Given]:
    """The trial's name, and what was answered.

    Raises:
        ValueError: something else.
    """
    _check_keys(
        message,
        {"trial", "choice", "reaction_ms", "original_ms", "shows", "zoom", "pixel_ratio"},
    )
    trial, choice = message["trial"], message["choice"]
    choices = (LEFT, EQUAL, RIGHT) if study.equal else (LEFT, RIGHT)
    if choice not in choices or not isinstance(trial, str):
        raise ValueError(f"choice must be {', '.join(choices)}")
    return trial, Given(
        choice=choice,
        reaction_ms=_number(message, "reaction_ms", 0, _DAY_MS),
        original_ms=_number(message, "original_ms", 0, _DAY_MS),
        shows=int(_number(message, "shows", 1, 10_000)),
        zoom=_number(message, "zoom", 0.01, 100),
        pixel_ratio=_number(message, "pixel_ratio", 0.1, 20),
    )


def _check_keys(message: dict[str, Any], wanted: set[str]) -> None:
    if message.keys() != wanted:
        raise ValueError(f"the message must have {', '.join(sorted(wanted))}")


def _number(table: dict[str, Any], name: str, least: float, most: float) -> float:
    value = table[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number")
    if not least <= value <= most:  # also false of infinity; an integer may be too large to be one
        raise ValueError(f"{name} must lie in {least:g}..{most:g}")
    return float(value)
