/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The air between fake boards of several processes; see air.c. */
#ifndef AIR_H
#define AIR_H

#include <stdbool.h>
#include <stdint.h>

struct air;

/* What a board is set to, its own clock error included. */
struct tuning {
	double rate;       /* samples/s, true */
	double freq;       /* carrier in Hz, true */
	double full_scale; /* dBm at the antenna that correspond to full scale */
	double noise;      /* dBm of thermal noise in the sample band; receivers only */
	float dc;          /* DC offset, share of full scale; receivers only */
};

/* A station on the air of that file, which is made where absent; NULL when it cannot be opened. */
struct air *air_join(const char *file, bool sends, double rate);

/* Put n samples (I, Q, I, Q, ...) on the air. Returns when the next n are due. */
void air_send(struct air *air, const struct tuning *tuning, const int8_t *iq, unsigned n);

/* Wait for the next n samples to arrive and give what the board hears in them. */
void air_hear(struct air *air, const struct tuning *tuning, int8_t *iq, unsigned n);

void air_leave(struct air *air);

#endif
