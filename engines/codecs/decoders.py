# SPDX-License-Identifier: GPL-3.0-or-later
"""The codecs of a receiver: the header's codec id chooses."""

import logging

from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import Codec, CodedImage
from percast.engines.codecs.registry import list_codecs, name_of, open_codec
from percast.errors import ModelError, PercastError

log = logging.getLogger(__name__)


class Decoders:
    """Opens the codec of a header when it first meets its id; see `Decodes`.

    Args:
        first: the one that is expected, open already.
        config: how to open others.
    """

    def __init__(self, first: Codec, config: CodecConfig):
        self.first, self._config = first, config
        self._codecs: dict[int, Codec | str] = {first.codec_id: first}  # or why there is none

    def decoder_for(self, coded: CodedImage) -> Codec:
        """The codec that made a picture.

        Raises:
            ModelError: there is none of this id here, or it cannot be opened.
        """
        found = self._codecs.get(coded.codec_id)
        if found is None:
            found = self._codecs[coded.codec_id] = self._open(coded.codec_id)
        if isinstance(found, str):
            raise ModelError(found)
        return found

    def close(self) -> None:
        """Closes them all."""
        for codec in self._codecs.values():
            if isinstance(codec, Codec):
                codec.close()

    def _open(self, codec_id: int) -> Codec | str:
        sent = f"the picture was sent with codec {codec_id}"
        try:
            name = name_of(codec_id)
            if name is None:
                return f"{sent}, here are {', '.join(list_codecs())}: give the sender's --codec"
            log.info("%s: opening '%s'", sent, name)
            return open_codec(name, self._config, ("decode",))
        except PercastError as error:
            return f"{sent}, which cannot be opened: {error}"
