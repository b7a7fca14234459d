# SPDX-License-Identifier: GPL-3.0-or-later
"""Codecs of somebody else's, for `--codec tests.engines.codecs.own:Name`: one that is right, and
those that are wrong in one way each.
"""

import hashlib
import threading
from pathlib import Path

import numpy as np

from percast.engines.codecs.contract import Codec, Decoded, Undecodable


class Grey(Codec):
    """Sends the mean of each 8x8 block, and of it the real part only."""

    codec_id = 200

    def symbol_count(self, height, width, cbr):
        return (height // 8) * (width // 8)

    def encode(self, rgb):
        rows, columns = rgb.shape[0] // 8, rgb.shape[1] // 8
        blocks = rgb[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8, 3)
        means = blocks.mean((1, 3, 4)).ravel() - 127.5
        level = int(np.ceil(np.sqrt(np.mean(means**2))))
        return self.coded(*rgb.shape[:2], level), means / np.sqrt(np.mean(means**2)) + 0j

    def decode(self, coded, symbols, noise_var, realism=None):
        grey = np.clip(coded.codec_word * symbols.real + 127.5, 0, 255).astype(np.uint8)
        grey = grey.reshape(coded.height // 8, coded.width // 8).repeat(8, 0).repeat(8, 1)
        return np.stack([grey] * 3, 2)


class Twin(Grey):
    """Of the same id."""


class Second(Grey):
    """Counts the pictures that it has decoded, for what happens at one of them."""

    def __init__(self, config, roles):
        super().__init__(config, roles)
        self._lock, self._seen = threading.Lock(), 0

    def is_second(self):
        with self._lock:
            self._seen += 1
            return self._seen == 2


class RaisesInEncode(Second):
    def encode(self, rgb):
        if self.is_second():
            raise ZeroDivisionError("a bright idea")
        return super().encode(rgb)


class Exits(Second):
    def decode(self, *picture):
        if self.is_second():
            raise SystemExit("no more")
        return super().decode(*picture)


class Shy(Grey):
    def about(self):
        raise ZeroDivisionError("nothing to tell")

    def close(self):
        raise ZeroDivisionError("stuck")


class TooManySymbols(Second):
    def encode(self, rgb):
        coded, symbols = super().encode(rgb)
        return coded, np.repeat(symbols, 2) if self.is_second() else symbols


class NoNumbers(Second):
    def encode(self, rgb):
        coded, symbols = super().encode(rgb)
        if self.is_second():
            symbols[3] = np.nan
        return coded, symbols


class TooLoud(Second):
    def encode(self, rgb):
        coded, symbols = super().encode(rgb)
        return coded, 2 * symbols if self.is_second() else symbols


class RealSymbols(Second):
    def encode(self, rgb):
        coded, symbols = super().encode(rgb)
        return coded, symbols.real if self.is_second() else symbols


class SaysSomethingElse(Second):
    def encode(self, rgb):
        coded, symbols = super().encode(rgb)
        return self.coded(8, 8) if self.is_second() else coded, symbols


class RaisesInDecode(Second):
    def decode(self, *received):
        if self.is_second():
            raise ZeroDivisionError("a dark thought")
        return super().decode(*received)


class WrongSize(Second):
    def decode(self, *received):
        rgb = super().decode(*received)
        return rgb[1:] if self.is_second() else rgb


class FloatPicture(Second):
    def decode(self, *received):
        rgb = super().decode(*received)
        return rgb / 255 if self.is_second() else rgb


class Fragile(Second):
    """Digital, in a way: gives up at a picture, and has a figure of its own."""

    def decode_batch(self, received, realism=None):
        (one,) = received
        if self.is_second():
            raise Undecodable("3 of 4 blocks are lost", {"blocks_lost": 3})
        return [Decoded(super().decode(*one, realism), {"blocks_lost": 1})]


class Deaf(Grey):
    """Decodes nothing."""

    def decode(self, *received):
        raise Undecodable("nothing is enough")


class Cold(Grey):
    def warm_up(self, height, width):
        raise ZeroDivisionError("too early")


class AlwaysLoud(Grey):
    def encode(self, rgb):
        coded, symbols = super().encode(rgb)
        return coded, 3 * symbols


class Unready(Grey):
    def __init__(self, config, roles):
        super().__init__(config, roles)
        raise OSError("no weights")


class Forgetful(Grey):
    def __init__(self, config, roles):  # without super().__init__
        pass


class Unfinished(Codec):
    """Lacks methods."""


class Squatter(Grey):
    codec_id = 1


class Weighted(Grey):
    """Has weights in a file, and tells them by their hash."""

    option_names = ("weights",)

    def __init__(self, config, roles):
        weights = Path(dict(config.options)["weights"]).read_bytes()
        self.model_id = hashlib.sha256(weights).digest()[:4]
        super().__init__(config, roles)


class Picky(Grey):
    option_names = ("depth",)


def not_a_class():
    """No codec."""
