# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a study: what is asked, who is left out, and where it is served."""

import argparse
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from percast.blocks.images.picture import parse_size
from percast.errors import UsageError
from percast.settings import SettingError, Settings, setting
from percast.tools.study.consent import plain_text

QUESTIONS = {
    "closer": "Which picture is closer to the original?",
    "better": "Which picture looks better?",
}
_MOST_TEXT = 20_000  # characters of a consent text


def parse_label(text: str) -> tuple[str, str | None]:
    """Code and rate of a condition's name: "percast@1/48" -> ("percast", "1/48"); a name without
    a rate is a code of its own."""
    found = re.fullmatch(r"\s*([^@]+)@([1-9]\d{0,5}/[1-9]\d{0,5})\s*", text)
    return (found[1], found[2]) if found else (text.strip(), None)


@dataclass(frozen=True)
class RuleConfig(Settings):
    """Who is left out; written down before anybody answers.

    Args:
        catch_least: share of the catch trials that must be answered right.
        repeats_least: share of the hidden repeats that must be answered as the first time; "equal"
            in one of both counts half. Honest observers contradict themselves about pairs that
            are nearly equal, so it is low.
        side_most: share of the answers on one side, "equal" not counted, above which an observer
            has not looked.
        fastest_s: median reaction in seconds below which nobody can have looked.
        done_least: share of the trials below which too little is known of an observer.
    """

    group = "who is left out (fixed here, before anybody answers)"

    catch_least: float = setting(
        0.75, "--catch-least", "share of catch trials that must be right (default %(default)s)",
        metavar="SHARE", least=0, most=1,
    )  # fmt: skip
    repeats_least: float = setting(
        0.25, "--repeats-least",
        "share of hidden repeats that must be answered as before (default %(default)s)",
        metavar="SHARE", least=0, most=1,
    )  # fmt: skip
    side_most: float = setting(
        0.85, "--side-most", "most answers on one side (default %(default)s)",
        metavar="SHARE", least=0.5, most=1,
    )  # fmt: skip
    fastest_s: float = setting(
        0.4, "--fastest", "least median reaction in seconds (default %(default)s)",
        metavar="S", least=0, most=60, unit="s",
    )  # fmt: skip
    done_least: float = setting(
        0.5, "--done-least", "least share of the trials that is answered (default %(default)s)",
        metavar="SHARE", least=0, most=1,
    )  # fmt: skip


@dataclass(frozen=True)
class PlanConfig(Settings):
    """What is asked.

    Args:
        question: name of one of `QUESTIONS`.
        equal: whether "equal" is an answer.
        without_original: whether the original can not be looked at.
        pairs: "across" compares conditions of different codes, "all" each with each.
        trials: pairs that each observer compares, at most as many as there are.
        repeats: of them that are asked again, sides swapped; of those alone that come early enough.
        catches: trials beside them with an obvious answer.
        title: of the page.
        consent: file with the operator's own text.
        asks: questions to the observer before the first trial.
        size: "WxH" that the sender fitted pictures to; originals are fitted likewise.
        seed: of all that is drawn; None draws one.
    """

    group = "what is asked"

    question: str = setting(
        "closer", "--question",
        "closer: which is closer to the original; better: which looks better (default %(default)s)",
        parse=str, choices=tuple(QUESTIONS),
    )  # fmt: skip
    equal: bool = setting(False, "--equal", "offer 'equal' as an answer")
    without_original: bool = setting(False, "--without-original", "never show the original")
    pairs: str = setting(
        "across", "--pairs",
        "across: conditions of different codes; all: each with each (default %(default)s)",
        parse=str, choices=("across", "all"),
    )  # fmt: skip
    trials: int = setting(
        48, "--trials", "pairs that each observer compares (default %(default)s)",
        metavar="N", parse=int, least=1, most=2000, whole=True,
    )  # fmt: skip
    repeats: int = setting(
        4, "--repeats", "of them asked again, at most six in ten (default %(default)s)",
        metavar="N", parse=int, least=0, most=200, whole=True,
    )  # fmt: skip
    catches: int = setting(
        4, "--catches", "trials with an obvious answer (default %(default)s)",
        metavar="N", parse=int, least=0, most=200, whole=True,
    )  # fmt: skip
    title: str = setting("Comparing pictures", "--title", "of the page", metavar="TEXT", parse=str)
    consent: Path | None = setting(
        None, "--consent", "file with your own consent text", metavar="FILE", parse=Path
    )
    asks: tuple[str, ...] = setting(
        (), "--ask", "a question to the observer before the first trial, such as 'Your age?'",
        metavar="TEXT", parse=str, several=True,
    )  # fmt: skip
    size: str | None = setting(
        None, "--size", "the sender's --size: originals are fitted to it", metavar="WxH", parse=str
    )
    seed: int | None = setting(
        None, "--seed", "of order and sides (default: drawn)",
        metavar="N", parse=int, least=0, most=2**63 - 1, whole=True,
    )  # fmt: skip

    def check(self) -> Iterator[SettingError]:
        yield from super().check()
        if self.question == "closer" and self.without_original:
            yield SettingError("without_original", "leaves nothing to be closer to")
        if self.repeats > self.trials:
            yield SettingError("repeats", f"must be at most the {self.trials} trials")
        if len(self.asks) > 10 or any(len(ask) > 200 for ask in self.asks):
            yield SettingError("asks", "must be at most 10, of at most 200 characters each")
        if len(self.title) > 200:
            yield SettingError("title", "must have at most 200 characters")
        try:
            if self.size:
                parse_size(self.size)
        except UsageError as error:
            yield SettingError("size", str(error))

    def consent_text(self) -> str:
        """The operator's text, or one that says what is kept.

        Raises:
            UsageError: the file cannot be read, or is too long.
        """
        if self.consent is None:
            return plain_text(self.asks, not self.without_original)
        try:
            text = self.consent.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--consent {self.consent}: cannot be read ({error})") from error
        if len(text) > _MOST_TEXT:
            raise UsageError(f"--consent {self.consent}: more than {_MOST_TEXT} characters")
        return text


def _parse_public(text: str) -> str:
    """As browsers write it in `Host` and `Origin`: small letters, and no port that goes without
    saying."""
    found = re.fullmatch(r"(https?)(://[a-z0-9.-]+)(:\d{1,5})?/?", text.lower())
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' is no address like https://study.example.org")
    scheme, name, port = found.groups(default="")
    return scheme + name + ("" if port == {"http": ":80", "https": ":443"}[scheme] else port)


@dataclass(frozen=True)
class ServeConfig(Settings):
    """Where a study is served.

    Args:
        host: address to listen on.
        port: TCP port; 0 for any that is free.
        public: address that observers come by, where a proxy stands before this server.
        links: so many personal links are printed.
        closed: only who has a personal link takes part.
    """

    group = "server"

    host: str = setting(
        "127.0.0.1", "--host", "address to listen on (default %(default)s)",
        metavar="ADDRESS", parse=str,
    )  # fmt: skip
    port: int = setting(
        8770, "--port", "0 = any that is free (default %(default)s)",
        metavar="PORT", parse=int, least=0, most=65535, whole=True,
    )  # fmt: skip
    public: str | None = setting(
        None, "--public", "address of your proxy, such as https://study.example.org",
        metavar="URL", parse=_parse_public,
    )  # fmt: skip
    links: int = setting(
        0, "--links", "print so many personal links first",
        metavar="N", parse=int, least=0, most=10_000, whole=True,
    )  # fmt: skip
    closed: bool = setting(False, "--closed", "only personal links: nobody else may join")

    def check(self) -> Iterator[SettingError]:
        yield from super().check()
        try:
            ipaddress.ip_address("127.0.0.1" if self.host == "localhost" else self.host)
        except ValueError:
            yield SettingError("host", f"{self.host}: give an IP address, such as 0.0.0.0")
