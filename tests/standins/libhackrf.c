/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stand-in for libhackrf 2022.09.1: the interface that gr-osmosdr and SoapyHackRF use, on boards
 * that are files and on the air of air.c. Put first with LD_LIBRARY_PATH as libhackrf.so.0.
 *
 *   FAKE_HACKRF_BOARDS  folder with the boards of this computer: a file each, named by its serial
 *                       number of 32 hex digits, with lines NAME=NUMBER:
 *                         ppm           error of its clock, for carrier and sample rate (0)
 *                         noise_figure  dB (10)
 *                         dc            DC offset of the receiver, share of full scale (0.02)
 *                         hangs         1: to stop it takes for ever (0)
 *   FAKE_HACKRF_AIR     file of the air, the same for all computers
 *
 * To remove the file is to unplug the board, to write it again is to plug it in. What the real library
 * does then, this one does: no more callbacks, hackrf_is_streaming() no longer true, every command a
 * USB error. A board that some process has open is locked: opening it again is a USB error, too.
 *
 * Levels: a full-scale sample leaves the antenna with -47 dBm and the gains of TXVGA and amplifier;
 * the receiver's full scale is 0 dBm less the gains of LNA, VGA and amplifier.
 */
#define _GNU_SOURCE
#include "air.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRANSFERS 4
#define TRANSFER_BYTES 262144 /* gr-osmosdr and SoapyHackRF take it for granted */
#define TRANSFER_SAMPLES (TRANSFER_BYTES / 2)
#define SERIAL_DIGITS 32
#define AMP_DB 14
#define FULL_SCALE_TX (-47.0) /* dBm */
#define FULL_SCALE_RX 0.0     /* dBm */

enum error {
	SUCCESS = 0,
	TRUE = 1,
	INVALID_PARAM = -2,
	NOT_FOUND = -5,
	BUSY = -6,
	LIBUSB = -1000,
	THREAD = -1001,
	STREAMING_STOPPED = -1003,
	NOT_LAST_DEVICE = -2000,
	OTHER = -9999,
};

enum { BOARD_ID = 2, USB_BOARD_ID = 0x6089 }; /* HackRF One */

typedef struct hackrf_device hackrf_device;

typedef struct {
	hackrf_device *device;
	uint8_t *buffer;
	int buffer_length;
	int valid_length;
	void *rx_ctx;
	void *tx_ctx;
} hackrf_transfer;

typedef int (*callback_fn)(hackrf_transfer *transfer);

typedef struct {
	uint32_t part_id[2];
	uint32_t serial_no[4];
} read_partid_serialno_t;

typedef struct {
	char **serial_numbers;
	int *usb_board_ids;
	int *usb_device_index;
	int devicecount;
	void **usb_devices;
	int usb_devicecount;
} hackrf_device_list_t;

struct hackrf_device {
	int file;
	char serial[SERIAL_DIGITS + 1];
	double ppm, noise_figure, dc, hangs;
	double rate;
	uint64_t freq;
	unsigned lna, vga, txvga, amp;

	bool set_up; /* started and not yet stopped, streaming or not */
	bool sends;
	atomic_bool streaming;
	pthread_t thread;
	callback_fn callback;
	void *context;
	int8_t buffers[TRANSFERS][TRANSFER_BYTES];
};

static unsigned open_devices;
static const char *usb_error = "USB error";

static int fail_usb(const char *what)
{
	usb_error = what;
	return LIBUSB;
}

/* ---- boards ------------------------------------------------------------------------------ */

static void board_path(char *path, size_t size, const char *serial)
{
	const char *folder = getenv("FAKE_HACKRF_BOARDS");
	snprintf(path, size, "%s/%s", folder ? folder : "/nonexistent", serial);
}

static int is_board(const struct dirent *entry)
{
	return strspn(entry->d_name, "0123456789abcdef") == SERIAL_DIGITS &&
	       entry->d_name[SERIAL_DIGITS] == 0;
}

static void read_settings(hackrf_device *device)
{
	char text[1024] = "", *rest = text;
	device->noise_figure = 10;
	device->dc = 0.02;
	if (pread(device->file, text, sizeof text - 1, 0) < 0)
		return;
	for (char *line; (line = strsep(&rest, "\n"));) {
		sscanf(line, "ppm=%lf", &device->ppm);
		sscanf(line, "noise_figure=%lf", &device->noise_figure);
		sscanf(line, "dc=%lf", &device->dc);
		sscanf(line, "hangs=%lf", &device->hangs);
	}
}

static bool plugged(const hackrf_device *device)
{
	struct stat status;
	return fstat(device->file, &status) == 0 && status.st_nlink > 0;
}

/* What every command answers that the board has nothing to say against. */
static int command(const hackrf_device *device)
{
	return plugged(device) ? SUCCESS : fail_usb("No such device (it may have been disconnected)");
}

/* The command that libhackrf sends to start and to stop; hackrf_close() sends one to stop, too. */
static int set_mode(const hackrf_device *device, const char *mode)
{
	char name[SERIAL_DIGITS + 8], path[4096];
	int result = command(device);
	if (result != SUCCESS)
		return result;
	snprintf(name, sizeof name, ".mode.%s", device->serial);
	board_path(path, sizeof path, name);
	FILE *file = fopen(path, "we");
	if (file) {
		fputs(mode, file);
		fclose(file);
	}
	return SUCCESS;
}

static int open_board(const char *serial, hackrf_device **device)
{
	char path[4096];
	board_path(path, sizeof path, serial);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return NOT_FOUND;
	if (flock(file, LOCK_EX | LOCK_NB)) {
		close(file);
		return fail_usb("Resource busy");
	}
	hackrf_device *d = calloc(1, sizeof *d);
	d->file = file;
	strcpy(d->serial, serial);
	d->rate = 10e6;
	d->freq = 900000000;
	read_settings(d);
	open_devices++;
	*device = d;
	return SUCCESS;
}

int hackrf_init(void)
{
	return SUCCESS;
}

int hackrf_exit(void)
{
	return open_devices ? NOT_LAST_DEVICE : SUCCESS;
}

const char *hackrf_library_version(void)
{
	return "0.7";
}

const char *hackrf_library_release(void)
{
	return "2022.09.1";
}

hackrf_device_list_t *hackrf_device_list(void)
{
	char folder[4096];
	struct dirent **entries = NULL;
	board_path(folder, sizeof folder, "");
	int n = scandir(folder, &entries, is_board, alphasort);
	if (n < 0)
		n = 0;
	hackrf_device_list_t *list = calloc(1, sizeof *list);
	list->serial_numbers = calloc(n + 1, sizeof *list->serial_numbers);
	list->usb_board_ids = calloc(n + 1, sizeof *list->usb_board_ids);
	list->usb_device_index = calloc(n + 1, sizeof *list->usb_device_index);
	list->devicecount = list->usb_devicecount = n;
	for (int i = 0; i < n; i++) {
		list->serial_numbers[i] = strdup(entries[i]->d_name);
		list->usb_board_ids[i] = USB_BOARD_ID;
		list->usb_device_index[i] = i;
		free(entries[i]);
	}
	free(entries);
	return list;
}

void hackrf_device_list_free(hackrf_device_list_t *list)
{
	for (int i = 0; i < list->devicecount; i++)
		free(list->serial_numbers[i]);
	free(list->serial_numbers);
	free(list->usb_board_ids);
	free(list->usb_device_index);
	free(list);
}

int hackrf_device_list_open(hackrf_device_list_t *list, int idx, hackrf_device **device)
{
	if (!device || !list || idx < 0 || idx >= list->devicecount)
		return INVALID_PARAM;
	return open_board(list->serial_numbers[idx], device);
}

/* A shorter serial number is matched against the end of each; none takes the first board. */
int hackrf_open_by_serial(const char *serial, hackrf_device **device)
{
	if (!device)
		return INVALID_PARAM;
	size_t digits = serial ? strlen(serial) : 0;
	if (digits > SERIAL_DIGITS)
		return NOT_FOUND;
	int result = NOT_FOUND;
	hackrf_device_list_t *list = hackrf_device_list();
	for (int i = 0; i < list->devicecount && result == NOT_FOUND; i++)
		if (!digits || !strcmp(list->serial_numbers[i] + SERIAL_DIGITS - digits, serial))
			result = open_board(list->serial_numbers[i], device);
	hackrf_device_list_free(list);
	return result;
}

int hackrf_open(hackrf_device **device)
{
	return hackrf_open_by_serial(NULL, device);
}

/* ---- names and numbers ------------------------------------------------------------------- */

const char *hackrf_error_name(int code)
{
	switch (code) {
	case SUCCESS: return "HACKRF_SUCCESS";
	case TRUE: return "HACKRF_TRUE";
	case INVALID_PARAM: return "invalid parameter(s)";
	case NOT_FOUND: return "HackRF not found";
	case BUSY: return "HackRF busy";
	case LIBUSB: return usb_error;
	case THREAD: return "transfer thread error";
	case STREAMING_STOPPED: return "streaming stopped";
	case NOT_LAST_DEVICE: return "one or more HackRFs still in use";
	case OTHER: return "unspecified error";
	default: return "unknown error code";
	}
}

const char *hackrf_board_id_name(int board_id)
{
	return board_id == BOARD_ID ? "HackRF One" : "unknown";
}

const char *hackrf_usb_board_id_name(int usb_board_id)
{
	return usb_board_id == USB_BOARD_ID ? "HackRF One" : "Unknown Board ID";
}

int hackrf_board_id_read(hackrf_device *device, uint8_t *value)
{
	*value = BOARD_ID;
	return command(device);
}

int hackrf_version_string_read(hackrf_device *device, char *version, uint8_t length)
{
	snprintf(version, length, "%s", hackrf_library_release());
	return command(device);
}

int hackrf_board_partid_serialno_read(hackrf_device *device, read_partid_serialno_t *value)
{
	memset(value, 0, sizeof *value);
	for (int i = 0; i < 4; i++)
		sscanf(device->serial + 8 * i, "%8x", &value->serial_no[i]);
	return command(device);
}

int hackrf_si5351c_read(hackrf_device *device, uint16_t number, uint16_t *value)
{
	(void)number;
	*value = 0x51; /* the clock is its own */
	return command(device);
}

/* ---- settings ---------------------------------------------------------------------------- */

int hackrf_set_freq(hackrf_device *device, uint64_t freq_hz)
{
	device->freq = freq_hz;
	return command(device);
}

int hackrf_set_sample_rate(hackrf_device *device, double freq_hz)
{
	if (!(freq_hz > 0))
		return INVALID_PARAM;
	device->rate = freq_hz;
	return command(device);
}

int hackrf_set_lna_gain(hackrf_device *device, uint32_t value)
{
	if (value > 40)
		return INVALID_PARAM;
	device->lna = value & ~7u;
	return command(device);
}

int hackrf_set_vga_gain(hackrf_device *device, uint32_t value)
{
	if (value > 62)
		return INVALID_PARAM;
	device->vga = value & ~1u;
	return command(device);
}

int hackrf_set_txvga_gain(hackrf_device *device, uint32_t value)
{
	if (value > 47)
		return INVALID_PARAM;
	device->txvga = value;
	return command(device);
}

int hackrf_set_amp_enable(hackrf_device *device, uint8_t value)
{
	device->amp = value ? AMP_DB : 0;
	return command(device);
}

int hackrf_set_antenna_enable(hackrf_device *device, uint8_t value)
{
	(void)value;
	return command(device);
}

/* The filters are not simulated: a receiver hears its whole sample band and nothing beyond. */
int hackrf_set_baseband_filter_bandwidth(hackrf_device *device, uint32_t bandwidth_hz)
{
	(void)bandwidth_hz;
	return command(device);
}

static const uint32_t bandwidths[] = {1750000,  2500000,  3500000,  5000000,  5500000,  6000000,
                                      7000000,  8000000,  9000000,  10000000, 12000000, 14000000,
                                      15000000, 20000000, 24000000, 28000000};

static uint32_t widest(uint32_t limit)
{
	unsigned i = sizeof bandwidths / sizeof *bandwidths - 1;
	while (i > 0 && bandwidths[i] > limit)
		i--;
	return bandwidths[i];
}

uint32_t hackrf_compute_baseband_filter_bw(uint32_t bandwidth_hz)
{
	return widest(bandwidth_hz);
}

uint32_t hackrf_compute_baseband_filter_bw_round_down_lt(uint32_t bandwidth_hz)
{
	return widest(bandwidth_hz ? bandwidth_hz - 1 : 0);
}

/* ---- streams ----------------------------------------------------------------------------- */

static struct tuning tuning(const hackrf_device *device)
{
	double clock = 1 + 1e-6 * device->ppm;
	double full_scale = device->sends
		? FULL_SCALE_TX + device->txvga + device->amp
		: FULL_SCALE_RX - (double)(device->lna + device->vga + device->amp);
	return (struct tuning){
		.rate = device->rate * clock,
		.freq = device->freq * clock,
		.full_scale = full_scale,
		.noise = -174 + 10 * log10(device->rate) + device->noise_figure,
		.dc = device->dc,
	};
}

/* The application fills or takes a buffer; false when it wants no more. */
static bool call(hackrf_device *device, int8_t *buffer)
{
	hackrf_transfer transfer = {
		.device = device,
		.buffer = (uint8_t *)buffer,
		.buffer_length = TRANSFER_BYTES,
		.valid_length = TRANSFER_BYTES,
		.rx_ctx = device->context,
		.tx_ctx = device->context,
	};
	return device->callback(&transfer) == 0;
}

static void *stream(void *argument)
{
	hackrf_device *device = argument;
	struct tuning t = tuning(device);
	const char *file = getenv("FAKE_HACKRF_AIR");
	struct air *air = air_join(file ? file : "", device->sends, t.rate);
	for (unsigned i = 0; air && device->streaming && plugged(device); i = (i + 1) % TRANSFERS) {
		int8_t *buffer = device->buffers[i];
		t = tuning(device);
		if (device->sends)
			air_send(air, &t, buffer, TRANSFER_SAMPLES);
		else
			air_hear(air, &t, buffer, TRANSFER_SAMPLES);
		if (!device->streaming || !plugged(device) || !call(device, buffer))
			break;
	}
	device->streaming = false;
	if (air)
		air_leave(air);
	return NULL;
}

/* A signal is the application's business, as with the real library. */
static int start_thread(hackrf_device *device)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&device->thread, NULL, stream, device);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		device->streaming = false;
		return THREAD;
	}
	device->set_up = true;
	return SUCCESS;
}

static int start(hackrf_device *device, bool sends, callback_fn callback, void *context)
{
	int result = set_mode(device, sends ? "transmit" : "receive");
	if (result != SUCCESS)
		return result;
	if (device->set_up)
		return BUSY;
	device->sends = sends;
	device->callback = callback;
	device->context = context;
	device->streaming = true;
	/* As the real library does, before there is a thread. */
	for (int i = 0; sends && i < TRANSFERS && device->streaming; i++)
		device->streaming = call(device, device->buffers[i]);
	return start_thread(device);
}

static int stop(hackrf_device *device)
{
	if (!device->set_up)
		return OTHER;
	while (device->hangs)
		pause();
	device->streaming = false;
	pthread_join(device->thread, NULL);
	device->set_up = false;
	return set_mode(device, "off");
}

int hackrf_start_rx(hackrf_device *device, callback_fn callback, void *context)
{
	return start(device, false, callback, context);
}

int hackrf_start_tx(hackrf_device *device, callback_fn callback, void *context)
{
	return start(device, true, callback, context);
}

int hackrf_stop_rx(hackrf_device *device)
{
	return stop(device);
}

int hackrf_stop_tx(hackrf_device *device)
{
	return stop(device);
}

int hackrf_is_streaming(hackrf_device *device)
{
	return device->streaming ? TRUE : STREAMING_STOPPED;
}

int hackrf_close(hackrf_device *device)
{
	if (device->set_up)
		stop(device);
	int result = set_mode(device, "off");
	close(device->file);
	free(device);
	open_devices--;
	return result;
}
