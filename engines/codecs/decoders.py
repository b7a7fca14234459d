# SPDX-License-Identifier: GPL-3.0-or-later
"""The codecs of a receiver: the header's codec id chooses, and its model id the model."""

import logging
import threading
from dataclasses import replace

from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import OWN_IDS, Codec, CodedImage
from percast.engines.codecs.registry import list_codecs, model_named, names_of, open_codec
from percast.errors import ModelError, PercastError

log = logging.getLogger(__name__)

_MOST_MODELS = 16  # that are looked for in the life of a receiver


class Decoders:
    """Opens codecs, and codecs with other models, when a header first asks for one; see `Decodes`.

    So both ends need not be given the same `--model`: a receiver that has the sender's uses it.

    Args:
        first: the one that is expected, open already.
        config: how to open others.

    Attributes:
        first: the one that is expected: from when a header names another model, the one with that.
    """

    def __init__(self, first: Codec, config: CodecConfig):
        self.first, self._config = first, config
        self._codecs = [first]
        # Ids of codecs that were looked for -> why there is no other; and those of models.
        self._missing: dict[int, str] = {}
        self._models: set[tuple[int, bytes]] = set()
        self._lock = threading.Lock()  # of those who open

    def decoder_for(self, coded: CodedImage) -> Codec:
        """The codec that made a picture; one of its id, where there is only another model's.

        Raises:
            ModelError: there is none of this id here, or it cannot be opened.
        """
        found = self._find(coded)
        if found is not None and found.model_id == coded.model_id:
            return found
        with self._lock:
            if found is None or coded.codec_id in OWN_IDS:
                self._look_for(coded.codec_id)
            self._look_for_model(coded)
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

    def _look_for_model(self, coded: CodedImage) -> None:
        """Open the model that a header names, where it is here; once, and only so many that a
        sender of nonsense costs nothing more."""
        wanted = coded.codec_id, coded.model_id
        if wanted in self._models or len(self._models) >= _MOST_MODELS:
            return
        found = self._find(coded)
        if found is None or found.model_id == coded.model_id:
            return
        self._models.add(wanted)
        told = f"the picture was sent with model id {coded.model_id.hex()}"
        try:
            for name in names_of(coded.codec_id):
                model = model_named(name, coded.model_id, self._config)
                if model is not None:
                    log.warning("%s: taking model %s", told, model)
                    config = replace(self._config, codec=name, model=model)
                    self.first = open_codec(name, config, ("decode",))
                    self._codecs.append(self.first)
        except PercastError as error:
            log.warning("%s, which cannot be opened: %s", told, error)

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
