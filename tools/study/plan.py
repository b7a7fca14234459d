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
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from percast.errors import FileError
from percast.tools.study.config import QUESTIONS, RuleConfig

FORMAT = "percast-study/1"
ORIGINAL, OBVIOUS = -1, -2
"""In place of a condition's number: the original, and its spoilt copy in catch trials."""

_FILE, _SECRET, PICTURES = "study.json", "secret", "pictures"


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
        original, obvious: files in `pictures/`, without suffix.
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
        table["rule"] = RuleConfig(**table["rule"])
        study = cls(**table)
        if study.question not in QUESTIONS or not study.pairs or not study.pictures:
            raise ValueError("no question, pairs or pictures")
        return study


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
        except (ValueError, TypeError, KeyError) as error:
            raise FileError(f"{path / _FILE}: damaged, or of another percast: {error}") from error
        return cls(path, study, hashlib.sha256(data).hexdigest())

    @classmethod
    def create(cls, path: Path, study: Study) -> Self:
        """Write down a study whose pictures lie there already; `study.json` comes last."""
        with told(path):
            key = os.open(path / _SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(key, "w") as file:
                file.write(secrets.token_hex(32) + "\n")
            part = path / f".{_FILE}.part"
            part.write_text(study.to_json(), "utf-8")
            part.rename(path / _FILE)
        return cls.open(path)

    def secret(self) -> bytes:
        """What names and links are made of."""
        with told(self.path):
            return bytes.fromhex((self.path / _SECRET).read_text().strip())

    def picture(self, file: str) -> Path:
        """Of a name in `Shown`."""
        return self.path / PICTURES / f"{file}.png"


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system says of files inside is a `FileError`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: {error}") from error
