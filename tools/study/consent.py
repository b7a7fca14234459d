# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of an observer, in words: the consent text of an operator who gives none."""

from collections.abc import Sequence

KEPT = {
    "a number in the order of joining": ("observers.slot", "answers.slot"),
    "the day of joining": ("observers.day",),
    "a fingerprint of your link, and whether it was made for one person": (
        "observers.fingerprint", "observers.personal",
    ),
    "that you agreed": ("observers.agreed",),
    "the size of your screen, how many of its pixels make one of a page, and what you tell of it "
    "below: how many greys you can tell apart, and how large its pixels are by the bank card": (
        "observers.display", "display.width", "display.height", "display.pixel_ratio",
        "display.steps", "display.pixel_mm",
    ),
    "what you answer to the questions below": ("observers.asked",),
    "which pictures you were shown, in which order and on which side": (
        "answers.number", "answers.kind", "answers.picture", "answers.left", "answers.right",
    ),
    "which you chose": ("answers.choice",),
    "how long that took without pauses, how long of it you looked at the original, and how often "
    "you paused": (
        "answers.reaction_ms", "answers.original_ms", "answers.shows",
    ),
    "how large the pictures were shown": ("answers.zoom", "answers.pixel_ratio"),
}  # fmt: skip
"""Words -> columns of the two tables of `answers`, and fields of the display check."""

_ASKED = "what you answer to the questions below"


def plain_text(asks: Sequence[str], original: bool) -> str:
    """For the observer, true of what `answers` stores.

    Args:
        asks: the operator's questions.
        original: whether the original can be looked at.
    """
    of_you, of_answers = [], []
    for words, columns in KEPT.items():
        if words == _ASKED:
            if not asks:
                continue
            words = f"{words} ({' '.join(f'“{ask}”' for ask in asks)})"
        if not original:
            words = words.replace(" how long of it you looked at the original,", "")
        (of_answers if columns[0].startswith("answers.") else of_you).append(words)
    return (
        "You will see pairs of pictures and choose one of each.\n\n"
        f"Stored of you: {'; '.join(of_you)}.\n\n"
        f"Stored of each answer: {'; '.join(of_answers)}.\n\n"
        "Neither your address, nor the time of day, nor anything else is stored. If you were given "
        "a link of your own, whoever gave it to you can tell which answers are yours.\n\n"
        "You may stop whenever you like; what you have answered by then stays stored. Your browser "
        "keeps your link, so that you can go on later."
    )
