/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The air between fake boards, a file that all of them map into memory.
 *
 * Every station keeps its place on one common time axis, the time on the air: sample k of a station
 * lies at start + k / rate, where rate is what its own clock makes of it. A sender leaves its samples
 * in a ring; a receiver computes from them what arrives at the times of its own samples: fractional
 * resampling (two clocks), rotation by the difference of the carriers, path loss, gain, thermal noise,
 * DC offset, 8-bit quantisation and saturation. Several senders add up. A receiver hears the stations
 * within half its sample rate of its carrier.
 *
 * Time passes at the rate of the monotonic clock, and more slowly where the machine is too slow: a
 * receiver waits for the samples of every sender, and a sender does not run away from a receiver, so
 * that the air itself never loses a sample. A station that has not moved for STALL seconds (its
 * process was killed) leaves the air; it comes back by itself when it moves again. Stations may come
 * and go in any order.
 *
 *   FAKE_HACKRF_LOSS    path loss between any two antennas in dB (default 30: cable and attenuator)
 *   FAKE_HACKRF_SPEED   seconds on the air per second of the clock (default 1)
 */
#define _GNU_SOURCE
#include "air.h"

#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define STATIONS 8
#define RING (1u << 22) /* samples that a sender leaves behind it */
#define LEAD (RING / 2) /* samples that it may be ahead of a receiver */
#define STALL 2.0       /* s */
#define SLACK 0.1       /* s by which a station may be late and still catch up */
#define TAPS 24
#define BETA 5.65 /* 60 dB */
#define PHASES 256
#define MARGIN (TAPS / 2)
#define TURN 1024 /* samples between two exact values of the rotation */
#define NOISES (1u << 16)

struct station {
	_Atomic uint32_t ticket; /* of the process that it belongs to; 0: nobody is there */
	_Atomic uint64_t count;  /* samples sent or heard */
	bool sends;
	double start; /* time on the air of the first sample, s */
	double rate;
	double freq;
	double full_scale;
};

struct shared {
	_Atomic uint32_t tickets;
	struct station stations[STATIONS];
	int8_t rings[STATIONS][2 * RING];
};

struct air {
	int file;
	struct shared *shared;
	struct station *me;
	uint32_t ticket;
	bool sends;
	double rate;
	double due; /* on the clock, s */
	double speed;
	double loss;
	uint32_t random;
	float (*filter)[TAPS];
	float *noise;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void nap(double seconds)
{
	if (seconds <= 0)
		return;
	struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - floor(seconds)))};
	nanosleep(&t, NULL);
}

static double setting(const char *name, double otherwise)
{
	const char *text = getenv(name);
	return text && *text ? atof(text) : otherwise;
}

/* ---- tables ------------------------------------------------------------------------------ */

/* Modified Bessel function of order 0. */
static double bessel(double x)
{
	double term = 1, sum = 1;
	for (int k = 1; k < 30; k++) {
		term *= x / (2 * k);
		sum += term * term;
	}
	return sum;
}

/* Sinc in a Kaiser window: flat to 0.42 of the sample rate, beyond the waveform's last carrier. */
static float tap(double t)
{
	double x = 1 - t * t / (MARGIN * MARGIN);
	if (x <= 0)
		return 0;
	double window = bessel(BETA * sqrt(x)) / bessel(BETA);
	return t == 0 ? 1 : window * sin(M_PI * t) / (M_PI * t);
}

static void make_filter(float (*filter)[TAPS])
{
	for (int phase = 0; phase <= PHASES; phase++)
		for (int i = 0; i < TAPS; i++)
			filter[phase][i] = tap(i - (MARGIN - 1) - (double)phase / PHASES);
}

static uint32_t draw(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Unit variance; the sum of twelve uniform numbers is near enough to Gauss. */
static void make_noise(float *noise, uint32_t seed)
{
	for (unsigned i = 0; i < NOISES; i++) {
		double sum = -6;
		for (int j = 0; j < 12; j++)
			sum += draw(&seed) / 4294967296.0;
		noise[i] = sum;
	}
}

/* ---- stations ---------------------------------------------------------------------------- */

static double place(const struct station *s)
{
	return s->start + atomic_load(&s->count) / s->rate;
}

static double last_place(const struct shared *shared)
{
	double last = 0;
	for (int i = 0; i < STATIONS; i++)
		if (shared->stations[i].rate > 0)
			last = fmax(last, place(&shared->stations[i]));
	return last;
}

/* The vacant station that has been silent for longest: a receiver may not have heard its end yet. */
static struct station *vacancy(struct shared *shared)
{
	struct station *best = NULL;
	for (int i = 0; i < STATIONS; i++) {
		struct station *s = &shared->stations[i];
		if (atomic_load(&s->ticket))
			continue;
		if (s->rate == 0)
			return s;
		if (!best || place(s) < place(best))
			best = s;
	}
	return best;
}

static bool enter(struct air *air)
{
	flock(air->file, LOCK_EX);
	struct station *s = vacancy(air->shared);
	if (s) {
		s->start = last_place(air->shared);
		s->sends = air->sends;
		s->rate = air->rate;
		atomic_store(&s->count, 0);
		air->ticket = atomic_fetch_add(&air->shared->tickets, 1) + 1;
		atomic_store(&s->ticket, air->ticket);
	}
	flock(air->file, LOCK_UN);
	air->me = s;
	air->due = now();
	if (!s)
		nap(STALL / 10);
	return s != NULL;
}

/* Whether the others let this station move on to a time on the air; the first who does not. */
static struct station *in_the_way(const struct air *air, double time)
{
	for (int i = 0; i < STATIONS; i++) {
		struct station *s = &air->shared->stations[i];
		if (!atomic_load(&s->ticket) || s->sends == air->sends)
			continue;
		if (place(s) < (air->sends ? time - LEAD / air->rate : time + TAPS / s->rate))
			return s;
	}
	return NULL;
}

/* Nothing that waits for a station that never moves would ever move either. */
static void wait_for(const struct air *air, double time)
{
	struct station *slow, *before = NULL;
	uint64_t count = 0;
	double since = now();
	while ((slow = in_the_way(air, time))) {
		if (slow != before || atomic_load(&slow->count) != count) {
			before = slow;
			count = atomic_load(&slow->count);
			since = now();
		} else if (now() - since > STALL) {
			atomic_store(&slow->ticket, 0);
		}
		nap(1e-3);
	}
}

/* Sleep until the next n samples are due. */
static void pace(struct air *air, unsigned n)
{
	air->due += n / air->rate / air->speed;
	double late = now() - air->due;
	if (late > SLACK)
		air->due += late;
	nap(-late);
}

/* Be on the air with this rate, after having been taken off it or with another rate. */
static bool stay(struct air *air, double rate)
{
	if (air->me && atomic_load(&air->me->ticket) == air->ticket && air->rate == rate)
		return true;
	if (air->me && atomic_load(&air->me->ticket) == air->ticket)
		atomic_store(&air->me->ticket, 0);
	air->rate = rate;
	return enter(air);
}

struct air *air_join(const char *file, bool sends, double rate)
{
	struct air *air = calloc(1, sizeof *air);
	air->file = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (air->file < 0 || ftruncate(air->file, sizeof(struct shared))) {
		free(air);
		return NULL;
	}
	air->shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, air->file, 0);
	air->sends = sends;
	air->rate = rate;
	air->speed = setting("FAKE_HACKRF_SPEED", 1);
	air->loss = setting("FAKE_HACKRF_LOSS", 30);
	air->random = 0x9e3779b9u ^ getpid();
	air->filter = malloc((PHASES + 1) * sizeof *air->filter);
	air->noise = malloc(NOISES * sizeof *air->noise);
	make_filter(air->filter);
	make_noise(air->noise, air->random);
	enter(air);
	return air;
}

void air_leave(struct air *air)
{
	if (air->me && atomic_load(&air->me->ticket) == air->ticket)
		atomic_store(&air->me->ticket, 0);
	munmap(air->shared, sizeof(struct shared));
	close(air->file);
	free(air->filter);
	free(air->noise);
	free(air);
}

/* ---- samples ----------------------------------------------------------------------------- */

void air_send(struct air *air, const struct tuning *tuning, const int8_t *iq, unsigned n)
{
	if (!stay(air, tuning->rate))
		return;
	struct station *me = air->me;
	wait_for(air, place(me));
	int8_t *ring = air->shared->rings[me - air->shared->stations];
	uint64_t count = atomic_load(&me->count);
	for (unsigned i = 0, run; i < n; i += run) {
		unsigned at = (count + i) % RING;
		run = n - i < RING - at ? n - i : RING - at;
		memcpy(ring + 2 * at, iq + 2 * i, 2 * run);
	}
	me->freq = tuning->freq;
	me->full_scale = tuning->full_scale;
	atomic_store(&me->count, count + n);
	pace(air, n);
}

/* Samples first .. first + n - 1 of a sender as numbers; 0 where it sent nothing. */
static void fetch(const struct air *air, const struct station *s, int64_t first, unsigned n,
                  float *re, float *im)
{
	const int8_t *ring = air->shared->rings[s - air->shared->stations];
	int64_t end = atomic_load(&s->count);
	int64_t begin = end > RING ? end - RING : 0;
	for (unsigned i = 0; i < n; i++) {
		int64_t k = first + i;
		bool there = k >= begin && k < end;
		re[i] = there ? ring[2 * (k % RING)] : 0;
		im[i] = there ? ring[2 * (k % RING) + 1] : 0;
	}
}

/* The sender's signal at TURN or fewer samples of the receiver, from a time on the air. */
static void add_part(const struct air *air, const struct station *s, const struct tuning *tuning,
                     double time, float *re, float *im, unsigned n)
{
	double position = (time - s->start) * s->rate, step = s->rate / tuning->rate;
	int64_t first = (int64_t)floor(position) - (MARGIN - 1);
	unsigned length = (unsigned)(n * step) + TAPS + 2;
	float in_re[length], in_im[length];
	fetch(air, s, first, length, in_re, in_im);

	double offset = s->freq - tuning->freq;
	double scale = pow(10, (s->full_scale - air->loss - tuning->full_scale) / 20) / 128;
	double angle = 2 * M_PI * fmod(offset * time, 1), turn = 2 * M_PI * offset / tuning->rate;
	float c = scale * cos(angle), d = scale * sin(angle), e = cos(turn), f = sin(turn);
	position -= first + (MARGIN - 1);
	for (unsigned i = 0; i < n; i++) {
		double at = position + i * step;
		unsigned k = (unsigned)at;
		const float *h = air->filter[(unsigned)((at - k) * PHASES + 0.5)];
		float x = 0, y = 0;
		for (int j = 0; j < TAPS; j++) {
			x += h[j] * in_re[k + j];
			y += h[j] * in_im[k + j];
		}
		re[i] += c * x - d * y;
		im[i] += c * y + d * x;
		float next = c * e - d * f;
		d = c * f + d * e;
		c = next;
	}
}

static void add_sender(const struct air *air, const struct station *s, const struct tuning *tuning,
                       double time, float *re, float *im, unsigned n)
{
	if (fabs(s->freq - tuning->freq) > tuning->rate / 2)
		return;
	for (unsigned i = 0; i < n; i += TURN)
		add_part(air, s, tuning, time + i / tuning->rate, re + i, im + i,
		         n - i < TURN ? n - i : TURN);
}

static int8_t quantise(float x)
{
	x = rintf(128 * x);
	return x > 127 ? 127 : x < -128 ? -128 : (int8_t)x;
}

/* Noise, DC offset and the converter of the receiver. */
static void digitise(struct air *air, const struct tuning *tuning, const float *re, const float *im,
                     int8_t *iq, unsigned n)
{
	float sigma = sqrt(pow(10, (tuning->noise - tuning->full_scale) / 10) / 2);
	for (unsigned i = 0; i < n; i++) {
		uint32_t r = draw(&air->random);
		iq[2 * i] = quantise(re[i] + tuning->dc + sigma * air->noise[r % NOISES]);
		iq[2 * i + 1] = quantise(im[i] - tuning->dc + sigma * air->noise[r / NOISES]);
	}
}

void air_hear(struct air *air, const struct tuning *tuning, int8_t *iq, unsigned n)
{
	if (!stay(air, tuning->rate))
		return;
	struct station *me = air->me;
	double time = place(me);
	pace(air, n);
	wait_for(air, time + n / air->rate);

	float *re = calloc(2 * n, sizeof *re), *im = re + n;
	for (int i = 0; i < STATIONS; i++) {
		const struct station *s = &air->shared->stations[i];
		if (s->sends && s->rate > 0 && place(s) > time)
			add_sender(air, s, tuning, time, re, im, n);
	}
	digitise(air, tuning, re, im, iq, n);
	free(re);
	atomic_fetch_add(&me->count, n);
}
