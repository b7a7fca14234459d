// SPDX-License-Identifier: GPL-3.0-or-later
// A stand-in for NVIDIA's driver library: what percast.engines.nvidia and percast.engines.cuda_graph
// ask of it. It computes nothing; $STANDIN_* choose what it answers.
#include <stdlib.h>
#include <string.h>

#define STREAM ((void *)2)
#define GRAPH ((void *)3)
#define EXECUTABLE ((void *)4)

static int alive;  // graphs and executables

static int setting(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

int cuInit(unsigned flags) { return flags ? 1 : setting("STANDIN_CUINIT", 0); }

int cuDeviceGetCount(int *count) {
  *count = setting("STANDIN_GPUS", 1);
  return 0;
}

int cuDeviceGet(int *device, int index) {
  *device = 7;
  return index ? 101 : 0;
}

int cuDeviceGetName(char *name, int size, int device) {
  strncpy(name, "Stand-in 3000", size);
  return device == 7 ? 0 : 101;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int capability = setting("STANDIN_CAPABILITY", 86);
  *value = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : -1;
  return device == 7 ? 0 : 101;
}

int cuStreamBeginCapture_v2(void *stream, int mode) {
  return stream == STREAM && mode == 1 ? 0 : 900;
}

int cuStreamEndCapture(void *stream, void **graph) {
  if (setting("STANDIN_CAPTURE", 0)) return *graph = NULL, 901;
  alive++;
  return *graph = GRAPH, stream == STREAM ? 0 : 900;
}

int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags) {
  if (setting("STANDIN_INSTANTIATE", 0)) return 1;
  alive++;
  return *executable = EXECUTABLE, graph == GRAPH && !flags ? 0 : 1;
}

int cuGraphLaunch(void *executable, void *stream) {
  return executable == EXECUTABLE && stream == STREAM ? 0 : 400;
}

int cuGraphExecDestroy(void *executable) { return alive--, executable == EXECUTABLE ? 0 : 400; }

int cuGraphDestroy(void *graph) { return alive--, graph == GRAPH ? 0 : 400; }

int standin_alive(void) { return alive; }
