# SPDX-License-Identifier: GPL-3.0-or-later
"""What a link did, summed up as it goes."""

import math
import threading
from collections import deque

import numpy as np

_LATENCIES_KEPT = 1 << 16
_OWN = "codec figure "  # before the names of a codec's own figures
_MOST_OWN = 32  # of these; a codec that invents names must not fill our memory


class LinkStats:
    """Means over the received pictures; constant memory however long the link runs."""

    def __init__(self):
        self._lock = threading.RLock()
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._latencies: deque[float] = deque(maxlen=_LATENCIES_KEPT)
        self._symbols = self._samples = 0.0
        self.received = 0
        self.undecodable = 0
        self._clocks_agree = True  # so far, with those of the senders
        self._first_read = self._first_decoded = math.inf
        self._last_decoded = -math.inf

    def add(self, record: dict) -> None:
        """Count one received picture's record. SNR and EVM are averaged as powers; the channel
        bandwidth ratio is all symbols over all source samples.

        One that could not be decoded tells of the channel and of its codec only.
        """
        with self._lock:
            if "undecodable" in record:
                self.undecodable += 1
            else:
                self.received += 1
                self._time(record)
            for name, value in record.get("codec_figures", {}).items():
                if _OWN + name in self._sums or len(self.own_figures()) < _MOST_OWN:
                    self._add(_OWN + name, value)
            for key in ("snr_db", "evm_db"):
                self._add(key, 10 ** (record[key] / 10))
            for key in ("psnr_db", "ms_ssim", "lpips", "freq_offset_hz", "clock_ppm"):
                self._add(key, record.get(key))
            if "cbr" in record:
                samples = 3 * record.get("width", 1) * record.get("height", 1)
                self._samples += samples
                self._symbols += record["cbr"] * samples

    def _time(self, record: dict) -> None:
        decoded_at = record["decoded_at"]
        self._first_decoded = min(self._first_decoded, decoded_at)
        self._last_decoded = max(self._last_decoded, decoded_at)
        if record.get("clocks_agree", True):
            self._first_read = min(self._first_read, record["read_at"])
            self._latencies.append(1e3 * (decoded_at - record["read_at"]))
        else:
            self._clocks_agree = False

    def _add(self, key: str, value: float | None) -> None:
        if value is not None and math.isfinite(value):
            self._sums[key] = self._sums.get(key, 0.0) + value
            self._counts[key] = self._counts.get(key, 0) + 1

    def mean(self, key: str) -> float | None:
        """Mean of a figure over the pictures that have it; None when none has."""
        with self._lock:
            return self._sums[key] / self._counts[key] if key in self._sums else None

    def mean_db(self, key: str) -> float | None:
        mean = self.mean(key)
        return None if mean is None else 10 * math.log10(mean)

    def own_figures(self) -> dict[str, float]:
        """Means of the figures that the codec itself gives, by their names."""
        with self._lock:
            return {
                key.removeprefix(_OWN): value / self._counts[key]
                for key, value in self._sums.items()
                if key.startswith(_OWN)
            }

    def cbr(self) -> float | None:
        """Complex symbols per source sample, over all pictures together."""
        with self._lock:
            return self._symbols / self._samples if self._samples else None

    def latency_ms(self) -> dict[str, float | None]:
        """From read to decoded, of the pictures whose time of reading is known; milliseconds."""
        with self._lock:
            values = list(self._latencies)
        if not values:
            return {"p50": None, "p99": None}
        p50, p99 = np.percentile(values, [50, 99])
        return {"p50": float(p50), "p99": float(p99)}

    def frames_per_second(self) -> float | None:
        """Pictures per second, from the first picture read to the last decoded; where the first
        time is not known, of those after the first decoded."""
        count, began = self.received, self._first_read
        if not self._clocks_agree:
            count, began = count - 1, self._first_decoded
        seconds = self._last_decoded - began
        return count / seconds if count > 0 and seconds > 0 else None
