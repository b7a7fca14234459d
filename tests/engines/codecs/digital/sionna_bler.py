# SPDX-License-Identifier: GPL-3.0-or-later
"""Block error rates of Sionna's LDPC code at three schemes, which ours are held to.

    cd tests/engines/codecs/digital; python sionna_bler.py > sionna_bler.csv

needs Sionna (docs/digital-link.md says how it installs). One code block each: base graph 2 and
QPSK, base graph 1 and 64-QAM, base graph 1 and 256-QAM; 40 iterations of its belief propagation,
which updates all checks at once where ours goes layer by layer and needs about half as many.
"""

import numpy as np
import torch
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import Demapper, Mapper

from percast.engines.codecs.digital.schemes import SCHEMES
from percast.engines.codecs.digital.transport import Transport

ITERATIONS = 40
BLOCKS, ENOUGH, TOGETHER = 1_000, 50, 20
# Scheme, symbols, SNRs in dB.
CURVES = (
    (2, 1_024, (-1.7, -1.5, -1.3, -1.1)),
    (11, 3_000, (9.2, 9.3, 9.4, 9.5)),
    (23, 1_024, (20.6, 20.8, 21.0)),
)


def lost(transport: Transport, snr_db: float) -> tuple[int, int]:
    """Blocks lost, and how many were sent."""
    per_symbol, information = transport.scheme.bits_per_symbol, transport.block_bits
    encoder = LDPC5GEncoder(
        information,
        transport.symbols * per_symbol,
        num_bits_per_symbol=per_symbol,
        bg=f"bg{transport.number}",
    )
    decoder = LDPC5GDecoder(encoder, num_iter=ITERATIONS)
    mapper, demapper = Mapper("qam", per_symbol), Demapper("app", "qam", per_symbol)
    noise_var = 10 ** (-snr_db / 10)
    torch.manual_seed(1)
    failed = sent = 0
    while sent < BLOCKS and failed < ENOUGH:
        bits = torch.randint(0, 2, (TOGETHER, information)).float()
        symbols = mapper(encoder(bits))
        noise = torch.randn(symbols.shape, dtype=symbols.dtype) * np.sqrt(noise_var)
        decided = decoder(demapper(symbols + noise, noise_var))
        failed += int((decided != bits).any(-1).sum())
        sent += TOGETHER
    return failed, sent


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"# Sionna's block errors in AWGN, {ITERATIONS} iterations; made by sionna_bler.py")
    print("mcs,symbols,snr_db,sent,lost")
    for mcs, symbols, snrs in CURVES:
        for snr_db in snrs:
            failed, sent = lost(Transport(symbols, SCHEMES[mcs]), snr_db)
            print(f"{mcs},{symbols},{snr_db},{sent},{failed}", flush=True)
