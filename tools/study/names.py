# SPDX-License-Identifier: GPL-3.0-or-later
"""What observers, trials and pictures are called outside.

Every name is an HMAC of what it stands for under the study's secret: it looks random, two names of
one thing at two places look unrelated, and a server that was started again makes the same ones.
"""

import base64
import hashlib
import hmac


class Names:
    """Names of one study.

    Args:
        secret: of it, 32 bytes.
    """

    def __init__(self, secret: bytes):
        self._secret = secret

    def _mac(self, *what: object) -> bytes:
        text = "\0".join(map(str, what))
        return hmac.digest(self._secret, text.encode(), hashlib.sha256)

    def invitation(self) -> str:
        """Of the link by which anybody joins."""
        return _token(self._mac("invitation"))

    def is_invitation(self, token: str) -> bool:
        """Whether it is that one; how long this takes tells nothing of it."""
        return hmac.compare_digest(token.encode(), self.invitation().encode())

    def observer(self, slot: int) -> str:
        """Of an observer's own link."""
        return _token(self._mac("observer", slot))

    def trial(self, slot: int, number: int) -> str:
        """By which a trial is answered: whoever sends it twice means the same."""
        return self._mac("trial", slot, number).hex()[:32]

    def picture(self, slot: int, number: int, place: str) -> str:
        """Of the picture at "left", "right" or "original" of a trial."""
        return self._mac("picture", slot, number, place).hex()[:32]


def _token(mac: bytes) -> str:
    return base64.urlsafe_b64encode(mac[:24]).decode()


def fingerprint(token: str) -> str:
    """What is kept of a token, from which nobody gets it back."""
    return hashlib.sha256(token.encode()).hexdigest()
