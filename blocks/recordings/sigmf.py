# SPDX-License-Identifier: GPL-3.0-or-later
"""What SigMF metadata say about a file of samples, whoever wrote them.

Specification: https://sigmf.org. The `sigmf` package is not used to read: it takes no damaged
recording, and percast decodes what is whole.
"""

import json
import re
from dataclasses import dataclass

from percast.blocks.recordings.sample_types import SampleType, sample_type


@dataclass(frozen=True)
class Segment:
    """Samples from number `first` on lie at byte `at` and after."""

    first: int
    at: int


@dataclass(frozen=True)
class Metadata:
    """The part of SigMF metadata that percast uses.

    Args:
        datatype: how a sample lies in the file.
        samp_rate: samples/s, None where there is none or an absurd one.
        freq: carrier in Hz of the first capture that has one, likewise.
        channels: interleaved channels.
        sha512: of the whole file of samples, hexadecimal, or None.
        dataset: name of the file of samples in the same folder, where it is said to be another
            than the usual one.
        headers: (first sample, bytes that stand before it and are none) of the captures.
        gaps: numbers of the samples before which some are missing.
        trailer: bytes at the end that are no samples.
    """

    datatype: SampleType
    samp_rate: float | None
    freq: float | None
    channels: int
    sha512: str | None
    dataset: str | None
    headers: tuple[tuple[int, int], ...]
    gaps: tuple[int, ...]
    trailer: int

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return self.datatype.size * self.channels

    def layout(self, size: int) -> tuple[tuple[Segment, ...], int]:
        """Where the samples are in a file of so many bytes, and how many there are."""
        segments, skipped = [Segment(0, 0)], 0
        for first, header in self.headers:
            skipped += header
            segment = Segment(first, first * self.frame + skipped)
            if segment.at - header > size:
                break
            segments.append(segment)
        end = size - self.trailer
        last = segments[-1]
        if last.at > end and len(segments) > 1:  # cut off within a header
            segments.pop()
            return tuple(segments), last.first
        return tuple(segments), last.first + max(0, (end - last.at) // self.frame)


def read_metadata(text: bytes) -> Metadata:
    """SigMF metadata from their JSON.

    Raises:
        ValueError: they make no sense; the message says why.
    """
    try:
        meta = json.loads(text)
        info, captures = meta["global"], meta.get("captures") or []
        kind = info["core:datatype"]
        offset = _count(info.get("core:offset"))
        starts = [max(0, _count(c.get("core:sample_start")) - offset) for c in captures]
        headers = [_count(c.get("core:header_bytes")) for c in captures]
        ours = str(info.get("core:recorder")).startswith("percast")
        gaps = {
            start
            for start, header, c in zip(starts, headers, captures, strict=True)
            if start > min(starts) and _begins_anew(c, header, ours)
        }
        freqs = [_positive(c.get("core:frequency")) for c in captures]
        dataset, sha512 = info.get("core:dataset"), info.get("core:sha512")
        rate = _positive(info.get("core:sample_rate"), 1e3, 200e6)
        channels = _count(info.get("core:num_channels", 1))
        trailer = _count(info.get("core:trailing_bytes"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not SigMF metadata ({type(error).__name__}: {error})") from error
    if not 1 <= channels <= 1024:
        raise ValueError(f"not SigMF metadata (core:num_channels {channels})")
    if dataset is not None:
        dataset = _file_name(dataset)
    return Metadata(
        datatype=sample_type(kind),
        samp_rate=rate,
        freq=next((f for f in freqs if f is not None), None),
        channels=channels,
        sha512=sha512.lower() if isinstance(sha512, str) else None,
        dataset=dataset,
        headers=tuple(sorted(h for h in zip(starts, headers, strict=True) if h[1])),
        gaps=tuple(sorted(gaps)),
        trailer=trailer,
    )


def _begins_anew(capture: dict, header: int, ours: bool) -> bool:
    """Whether samples are missing before a capture. That is what a new one means; but percast also
    begins one where it knows only about where samples were lost or the radio was tuned, and one
    with a header may be a packet of another format, of a stream without gaps."""
    return capture.get("percast:gap") is True if ours else not header


def _count(value: object) -> int:
    if value is None:
        return 0
    # Languages without whole numbers write 0.0 and 1e3.
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r:.40} where a number of samples or bytes should be")
    return int(value)


def _positive(value: object, least: float = 0.0, most: float = 1e12) -> float | None:
    sane = isinstance(value, int | float) and value > 0 and least <= value <= most
    return float(value) if sane else None


def _file_name(value: object) -> str:
    """The name of a file in the same folder. Some programs write a whole path, of which the folder
    is as it once was on some machine; a way out of this folder is no such thing."""
    parts = re.split(r"[/\\]", value) if isinstance(value, str) else [""]
    if parts[-1] in ("", ".", "..") or ".." in parts or "\0" in parts[-1]:
        raise ValueError("not SigMF metadata (core:dataset must name a file in the same folder)")
    return parts[-1]
