# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a link in another process or on another machine, over the port of `--out zmq:...`.

    receiver --taps--> publisher --XPUB--> ~~~ --SUB--> subscriber --> the page of `percast view`

Pictures come as they always did; the tree of figures, packets and spectra only to those who ask
for them (`percast.blocks.images.messages.TOPICS`), and nothing is computed while nobody does.

- `publisher`: the receiver's end, beside its pictures; `subscriber`: the viewer's
- `checks`: what another program publishes may be anything
- `desk`: the verbs of the link over there; `config`: the settings
"""
