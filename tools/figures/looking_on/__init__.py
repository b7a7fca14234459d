# SPDX-License-Identifier: GPL-3.0-or-later
"""What looking on costs a live receiver: `python -m percast.tools.figures.looking_on cost|soak`.

    tx --zmq--> air: noise at the sample rate's pace --zmq--> rx, plain, the reference
                                                     \\-----> rx with somebody looking

Both receivers hear the same at the same time, so that a shared machine's other work is in both
figures. What does not go into a receiver in time is lost, as with a radio, and counted.

- `measure`: the two receivers; `processes`: as commands beside this one
- `air`: between them and the transmitter; `crowd`: those who look
"""
