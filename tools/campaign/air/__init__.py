# SPDX-License-Identifier: GPL-3.0-or-later
"""Campaigns on the air. A coordinator, which has the store and the codecs, tells two ends what to
do; each end is a process with a radio, on this machine or another.

- `wire`: questions and answers between coordinator and end, with keys where other machines can hear
- `radio_end`: the end's side; `client`: the coordinator's
- `link`: symbols through both ends, whatever becomes of the radios meanwhile
- `calibrate`: gains for wanted SNRs
- `crew`: puts these together
"""
