# SPDX-License-Identifier: GPL-3.0-or-later
"""What a study is, as its folder holds it.

STUDY/
    study.json        everything here; its SHA-256 is written beside the first answer
    secret            what names and links are made of, for the server alone
    pictures/         PNG without compression, under random names
    answers.sqlite    of people
    simulated.sqlite  of `percast study simulate`
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np

from percast.engines.pictures import decode_picture
from percast.errors import FileError, PercastError
from percast.tools.study.config import QUESTIONS, RuleConfig, parse_label
from percast.whole_file import written_whole

FORMAT = "percast-study/2"
ORIGINAL, OBVIOUS = -1, -2
"""In place of a condition's number: the original, and its spoilt copy in catch trials."""

_FILE, _SECRET, PICTURES = "study.json", "secret", "pictures"
_SECRET_BYTES = 32


@dataclass(frozen=True)
class Condition:
    """What pictures went through.

    Attributes:
        name: as the operator calls it.
        code: the code in it; `rate` is the bandwidth that it took, as "1/48", or None.
    """

    name: str
    code: str
    rate: str | None = None

    @property
    def cbr(self) -> float | None:
        """Channel bandwidth ratio."""
        return None if self.rate is None else float(Fraction(self.rate))


@dataclass(frozen=True)
class Shown:
    """One picture in all its conditions.

    Attributes:
        name: of its file, for reports.
        width, height: pixels.
        original, obvious: files in `pictures/`, without suffix: `picture_name` of their bytes, so
            that the hash of `study.json` holds for them too.
        files: likewise, one for each condition.
    """

    name: str
    width: int
    height: int
    original: str
    obvious: str
    files: tuple[str, ...]

    def file(self, condition: int) -> str:
        """Of a condition's number, `ORIGINAL` or `OBVIOUS`."""
        return {ORIGINAL: self.original, OBVIOUS: self.obvious}.get(condition) or self.files[
            condition
        ]


@dataclass(frozen=True)
class Study:
    """A study; see `percast.tools.study.config.PlanConfig`.

    Attributes:
        pairs: numbers of the two conditions.
        left_out: names of originals that some condition lacks.
        lost: names of conditions of which nothing came out; they are none of `conditions`.
    """

    title: str
    question: str
    equal: bool
    original: bool
    consent: str
    asks: tuple[str, ...]
    conditions: tuple[Condition, ...]
    pictures: tuple[Shown, ...]
    pairs: tuple[tuple[int, int], ...]
    trials: int
    repeats: int
    catches: int
    seed: int
    rule: RuleConfig
    left_out: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The question as it is asked."""
        return QUESTIONS[self.question]

    def to_json(self) -> str:
        """The text of `study.json`."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From the text of `study.json`.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        table: dict[str, Any] = json.loads(text)
        if table.pop("format") != FORMAT:
            raise ValueError("another format")
        table["conditions"] = tuple(Condition(**each) for each in table["conditions"])
        table["pictures"] = tuple(
            Shown(**each | {"files": tuple(each["files"])}) for each in table["pictures"]
        )
        table["pairs"] = tuple((int(a), int(b)) for a, b in table["pairs"])
        table["asks"] = tuple(table["asks"])
        for name in ("left_out", "lost"):  # older files have none
            table[name] = tuple(map(str, table.get(name, ())))
        table["rule"] = RuleConfig(**table["rule"])
        study = cls(**table)
        study.check()
        return study

    def check(self) -> None:
        """Raises `ValueError` where parts do not fit: others may have written the file."""
        if self.question not in QUESTIONS or not self.pairs or not self.pictures:
            raise ValueError("no question, pairs or pictures")
        numbers = range(len(self.conditions))
        if any(a == b or a not in numbers or b not in numbers for a, b in self.pairs):
            raise ValueError("pairs of conditions that are not there")
        for each in self.conditions:
            if each.rate is not None and parse_label(f"x@{each.rate}")[1] != each.rate:
                raise ValueError(f"'{each.rate}' is no rate")
        for shown in self.pictures:
            files = (shown.original, shown.obvious, *shown.files)
            if len(shown.files) != len(self.conditions) or not all(map(_is_random, files)):
                raise ValueError(f"the files of '{shown.name}' are no names in {PICTURES}/")
        texts = (self.title, self.consent, *self.asks, *(c.code for c in self.conditions))
        texts += tuple(each.name for each in (*self.conditions, *self.pictures))
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a text is none")
        counts = {"trials": self.trials, "repeats": self.repeats, "catches": self.catches}
        for name, count in (counts | {"seed": self.seed}).items():
            if type(count) is not int or count < (name == "trials"):
                raise ValueError(f"{name} is no count")


def _is_random(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[0-9a-f]{32}", name) is not None


@dataclass(frozen=True)
class Folder:
    """The folder of a study.

    Attributes:
        path: of it.
        study: what `study.json` says.
        sha256: of `study.json`.
    """

    path: Path
    study: Study
    sha256: str

    @classmethod
    def open(cls, path: str | os.PathLike) -> Self:
        """Raises `FileError` if it is no study."""
        path = Path(path)
        try:
            data = (path / _FILE).read_bytes()
        except OSError as error:
            raise FileError(
                f"{path} is no study ({error.strerror}): `percast study make` makes one"
            ) from error
        try:
            study = Study.from_json(data.decode())
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            PercastError,
        ) as error:
            raise FileError(f"{path / _FILE}: damaged, or of another percast: {error}") from error
        return cls(path, study, hashlib.sha256(data).hexdigest())

    @classmethod
    def create(cls, path: Path, study: Study) -> Self:
        """Write down a study whose pictures lie there already; `study.json` comes last."""
        with told(path):
            key = os.open(path / _SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(key, "w") as file:
                file.write(secrets.token_hex(_SECRET_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())  # links that are made of it must outlast a power cut
            with written_whole(path / _FILE, "w", encoding="utf-8", settled=True) as file:
                file.write(study.to_json())
        return cls.open(path)

    def secret(self) -> bytes:
        """What names and links are made of."""
        with told(self.path):
            secret = bytes.fromhex((self.path / _SECRET).read_text().strip())
        if len(secret) != _SECRET_BYTES:  # cut off: anybody could make links of an empty one
            raise FileError(f"{self.path / _SECRET} is damaged: put it back, or make a new study")
        return secret

    def picture(self, file: str) -> Path:
        """Of a name in `Shown`."""
        return self.path / PICTURES / f"{file}.png"

    def load(self, file: str) -> np.ndarray:
        """The same as uint8 [H, W, 3]; raises `FileError` where it is damaged or missing."""
        with told(self.picture(file)):
            return decode_picture(self.picture(file))

    def check_pictures(self) -> None:
        """Raises `FileError` if one is missing, or no more what `study.json` says."""
        for shown in self.study.pictures:
            for file in (shown.original, shown.obvious, *shown.files):
                path = self.picture(file)
                if not path.is_file():
                    raise FileError(f"{path} is missing: copy the whole folder again")
                with told(path):
                    found = picture_name(path.read_bytes())
                if found != file:
                    raise FileError(f"{path} was changed since the study was made: put it back")


def picture_name(data: bytes) -> str:
    """Of a stored picture's file: the first half of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:32]


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system says of files inside is a `FileError`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: {error}") from error
