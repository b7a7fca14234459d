# SPDX-License-Identifier: GPL-3.0-or-later
"""The codecs of a receiver: the header's codec id chooses."""

import logging
from dataclasses import replace

from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import OWN_IDS, Codec, CodedImage
from percast.engines.codecs.registry import list_codecs, names_of, open_codec
from percast.errors import ModelError, PercastError

log = logging.getLogger(__name__)


class Decoders:
    """Opens the codecs of an id when a header first asks for one; see `Decodes`.

    Args:
        first: the one that is expected, open already.
        config: how to open others.
    """

    def __init__(self, first: Codec, config: CodecConfig):
        self.first, self._config = first, config
        self._codecs = [first]
        self._missing: dict[
            int, str
        ] = {}  # ids that were looked for -> why there is no other codec

    def decoder_for(self, coded: CodedImage) -> Codec:
        """The codec that made a picture; one of its id, where there is only another model's.

        Raises:
            ModelError: there is none of this id here, or it cannot be opened.
        """
        found = self._find(coded)
        if found is None or (found.model_id != coded.model_id and coded.codec_id in OWN_IDS):
            self._look_for(coded.codec_id)
            found = self._find(coded)
        if found is None:
            raise ModelError(self._missing[coded.codec_id])
        return found

    @property
    def engine_asked(self) -> tuple[str, str] | None:
        """Of the first codec that has one of our engines."""
        return next((c.engine_asked for c in self._codecs if c.engine_asked), None)

    def use_engine(self, engine: str, precision: str) -> None:
        """See `Codec.use_engine`; of all that are open, and those that will be."""
        with_engines = [codec for codec in self._codecs if codec.engine_asked]
        if not with_engines:
            self.first.use_engine(engine, precision)  # says why not
        for codec in with_engines:
            codec.use_engine(engine, precision)
        self._config = replace(self._config, engine=engine, precision=precision)

    def close(self) -> None:
        """Closes them all."""
        for codec in self._codecs:
            codec.close()

    def _find(self, coded: CodedImage) -> Codec | None:
        alike = [codec for codec in self._codecs if codec.codec_id == coded.codec_id]
        return next((c for c in alike if c.model_id == coded.model_id), alike[0] if alike else None)

    def _look_for(self, codec_id: int) -> None:
        """Open what is installed for an id, once."""
        if codec_id in self._missing:
            return
        sent = f"the picture was sent with codec {codec_id}"
        why = f"{sent}, here are {', '.join(list_codecs())}: give the sender's --codec"
        try:
            for name in names_of(codec_id):
                if name != self._config.codec:
                    log.info("%s: opening '%s'", sent, name)
                    self._codecs.append(open_codec(name, self._config, ("decode",)))
        except PercastError as error:
            why = f"{sent}, which cannot be opened: {error}"
        self._missing[codec_id] = why
