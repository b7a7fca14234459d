# SPDX-License-Identifier: GPL-3.0-or-later
"""How complex samples lie in a file: the names of SigMF's `core:datatype`.

Grammar: https://sigmf.org, "Dataset Format": c, then f64, f32, i32, i16, i8, u32, u16 or u8, then
_le or _be. Integers are scaled to full scale 1; unsigned ones have their zero at mid-scale.
"""

import re
from dataclasses import dataclass

import numpy as np

_NAME = re.compile(r"([cr])([fiu])(64|32|16|8)(_le|_be)?")


@dataclass(frozen=True)
class SampleType:
    """One kind of complex sample.

    Args:
        name: as in `core:datatype`.
        part: numpy's type of one real or imaginary part.
    """

    name: str
    part: np.dtype

    @property
    def size(self) -> int:
        """Bytes of one complex sample."""
        return 2 * self.part.itemsize

    @property
    def _scale(self) -> float:
        return 1.0 if self.part.kind == "f" else 2.0 ** (8 * self.part.itemsize - 1) - 1

    def decode(self, parts: np.ndarray) -> np.ndarray:
        """Real and imaginary parts in turn, [2 n] of type `part`, to complex64 [n]."""
        with np.errstate(over="ignore", invalid="ignore"):
            values = parts.astype(np.float32)
        if self.part.kind == "u":
            values -= np.float32(self._scale + 1)
        if self.part.kind != "f":
            values /= np.float32(self._scale)
        return values.view(np.complex64)

    def encode(self, samples: np.ndarray) -> tuple[np.ndarray, int]:
        """complex64 [n] to parts [2 n] of type `part`, and how many of them were saturated.

        What is no number becomes 0 in an integer type. Of samples that lie in memory as they do in
        the file, they are a view.
        """
        parts = np.ascontiguousarray(samples, np.complex64).view(np.float32)
        if self.part.kind == "f":
            return parts.astype(self.part, copy=False), 0
        scaled = np.rint(np.nan_to_num(parts, posinf=1e9, neginf=-1e9) * np.float32(self._scale))
        saturated = int((np.abs(scaled) > self._scale).sum())
        scaled = np.clip(scaled, -self._scale, self._scale)
        if self.part.kind == "u":
            scaled += self._scale + 1
        return scaled.astype(self.part), saturated


def sample_type(name: object) -> SampleType:
    """The type of that name.

    Raises:
        ValueError: unknown, or real samples.
    """
    match = _NAME.fullmatch(name.lower()) if isinstance(name, str) else None
    if match is None or match[2] + match[3] in ("f8", "f16", "i64", "u64"):
        raise ValueError(f"unknown core:datatype {name}")
    if match[1] == "r":
        raise ValueError(f"real samples ({name}); percast needs complex ones, such as cf32_le")
    order = ">" if match[4] == "_be" else "<"
    return SampleType(name, np.dtype(f"{order}{match[2]}{int(match[3]) // 8}"))
