# SPDX-License-Identifier: GPL-3.0-or-later
"""The OFDM waveform in plain numpy: a picture's symbols to samples, and back with their noise.

Both ends agree on a `profile` (carriers, lengths, presets), on the kinds of packet and on the bytes
of the `header` (both in `formats/`).

Sending, in this order:

- `transmit`: one picture to its packets' samples; calls all of the following
- `coding/interleaver`: the picture's symbols over packets, carriers and time
- `coding/header_code`: the header's error-correcting code
- `preamble`: short part, training symbols, and the pilots' values
- `papr`: peaks clipped and filtered
- `ofdm`: carriers to samples (and back)
- `formats/edges`: OFDM symbols that fade into each other; `formats/leakage`: what that is good for

Receiving, in this order:

- `receive`: a stream of samples to packets; calls the following down to `drift`
- `stream/condition`: damaged samples and the radio's own DC offset; `stream/tones`: steady tones
- `synchronise`: detection on the short part, carrier offset, timing on the training symbols
- `stream/windows`: OFDM symbols out of the stream, onto their carriers
- `demodulate`: first pass, the header; then calls `second_pass`: equalised symbols and their noise
- `bursts`: symbols that interference has hit, and the noise variance of each
- `estimate`: the channel from what is known; the noise variance from what that leaves over
- `track`: residual carrier offset, sample clock, common gain and phase over a packet
- `drift`: a channel that changes during a packet, carried from the pilots to all carriers
- `reassemble`: packets to a picture's symbols, whatever is missing; its SNR and EVM

Below them lie `coding/` (with the pseudo-random numbers that are part of the format) and `rotate`
(fast phasors); `stream/` is what is done to every sample. `kernels/` are compiled twins of what is
done most.

Where is ...

- the preamble, a pilot: `preamble`; on which carriers they stand: `profile`
- the header's byte table: `formats.table`; which of it is the codec's: `Header.of`, `Header.coded`
- the kinds of packet, and which is sent where: `formats.kinds`
- the interleaver: `coding/interleaver`; what a lost packet does: `reassemble.assemble`
- the SNR: sigma^2 and |H|^2 of a packet in `demodulate.Packet`, of a picture in
  `reassemble.ReceivedImage`; the variance of each symbol is `demodulate.Packet.noise_var`
- the envelope limit and level that are sent: `transmit.DEFAULT_PAPR_DB`, `DEFAULT_TX_LEVEL`
"""
