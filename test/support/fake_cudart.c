// Copyright 2026 rtseg_ros maintainers
// SPDX-License-Identifier: Apache-2.0
/* A CUDA runtime without a GPU: device memory is host memory, work on a stream is done at once
 * or recorded while a capture is on. It writes down every call, counts what is alive, refuses
 * what a real one refuses (unknown or freed addresses, sizes beyond an allocation, memory that
 * is not pinned, calls a capture forbids, the wrong CUDA version), and fails on demand. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST = 1, DEVICE, STREAM, GRAPH, EXEC, KINDS };
enum { LIMIT = 4096, STEPS = 256 };

typedef struct { int kind, mapped; char *base; size_t size; } Thing;
typedef struct { void *dst; const void *src; size_t size; void (*work)(void *); void *arg; } Step;
typedef struct { int count; Step steps[STEPS]; } Graph;

static Thing things[LIMIT];
static char journal[1 << 20];
static char fail_name[64];
static int fail_code, fail_after, last_error;
static Graph *capturing;
static char *capture_stream;
static int devices = 1, integrated = 1;
static size_t free_bytes = (size_t)8 << 30;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* For the test. */
void fake_reset(void) {
  memset(things, 0, sizeof things); journal[0] = fail_name[0] = 0; fail_code = last_error = 0;
  capturing = 0; devices = integrated = 1; free_bytes = (size_t)8 << 30;
}
void fake_fail(const char *name, int code, int after) {
  snprintf(fail_name, sizeof fail_name, "%s", name); fail_code = code; fail_after = after;
}
void fake_devices(int count, int is_integrated) { devices = count; integrated = is_integrated; }
void fake_memory(size_t bytes) { free_bytes = bytes; }
const char *fake_journal(void) { return journal; }
void fake_forget(void) { journal[0] = 0; }
int fake_alive(int kind) {
  int count = 0;
  for (int i = 0; i < LIMIT; i++) count += things[i].base && (!kind || things[i].kind == kind);
  return count;
}

static int done(const char *name, int code) {
  pthread_mutex_lock(&lock);
  size_t used = strlen(journal);
  if (used + 64 < sizeof journal) sprintf(journal + used, "%s\n", name);
  if (!code && !strcmp(name, fail_name) && fail_code && fail_after-- <= 0) {
    code = fail_code; fail_name[0] = 0;
  }
  pthread_mutex_unlock(&lock);
  if (code) last_error = code;
  return code;
}
static Thing *find(const void *address, int kind) {
  for (int i = 0; i < LIMIT; i++) {
    Thing *t = &things[i];
    if (t->base && (!kind || t->kind == kind) && (char *)address >= t->base &&
        (char *)address < t->base + t->size) return t;
  }
  return 0;
}
static int make(void **out, int kind, size_t size, int mapped) {
  for (int i = 0; i < LIMIT; i++)
    if (!things[i].base) {
      things[i] = (Thing){kind, mapped, calloc(1, size ? size : 1), size ? size : 1};
      *out = things[i].base;
      return 0;
    }
  return 2;
}
static int drop(void *address, int kind) {
  Thing *t = find(address, kind);
  if (!t || t->base != address) return 1;
  free(t->base); t->base = 0;
  return 0;
}
static int enqueue(Step step) {
  if (capturing) {
    if (capturing->count == STEPS) return 2;
    capturing->steps[capturing->count++] = step;
  } else if (step.work) step.work(step.arg);
  else memmove(step.dst, step.src, step.size);
  return 0;
}

/* For the fake TensorRT. */
int fake_device_count(void) { return devices; }
int fake_capturing(void) { return capturing != 0; }
int fake_usable(const void *address, size_t size) {
  Thing *t = find(address, 0);
  return t && (t->kind == DEVICE || (t->kind == HOST && t->mapped)) &&
         (char *)address + size <= t->base + t->size;
}
int fake_enqueue(void *stream, void (*work)(void *), void *arg) {
  if (!find(stream, STREAM)) return 400;
  return enqueue((Step){0, 0, 0, work, arg});
}

/* The runtime's API. */
int cudaGetDeviceCount(int *n) { *n = devices; return done("cudaGetDeviceCount", devices < 0 ? 35 : 0); }
int cudaSetDevice(int i) { return done("cudaSetDevice", i < 0 || i >= devices ? 101 : 0); }
int cudaGetDeviceProperties(void *p, int i) {
  if (i >= devices) return done("cudaGetDeviceProperties", 101);
  memset(p, 0xAB, 1000); strcpy(p, "Fake Orin");
  return done("cudaGetDeviceProperties", 0);
}
int cudaDeviceGetAttribute(int *v, int attribute, int i) {
  if (i >= devices) return done("cudaDeviceGetAttribute", 101);
  *v = attribute == 75 ? 8 : attribute == 76 ? 7 : attribute == 18 ? integrated : attribute == 19;
  return done("cudaDeviceGetAttribute", 0);
}
int cudaDriverGetVersion(int *v) { *v = 12060; return done("cudaDriverGetVersion", 0); }
int cudaRuntimeGetVersion(int *v) { *v = 12020; return done("cudaRuntimeGetVersion", 0); }
int cudaMemGetInfo(size_t *f, size_t *t) {
  *f = free_bytes; *t = (size_t)8 << 30;
  return done("cudaMemGetInfo", 0);
}
int cudaStreamCreateWithFlags(void **s, unsigned flags) {
  int code = done("cudaStreamCreateWithFlags", flags == 1 ? 0 : 1);
  return code ? code : make(s, STREAM, 1, 0);
}
int cudaStreamSynchronize(void *s) {
  return done("cudaStreamSynchronize", capturing ? 900 : find(s, STREAM) ? 0 : 400);
}
int cudaStreamDestroy(void *s) { return done("cudaStreamDestroy", drop(s, STREAM) ? 400 : 0); }
int cudaMalloc(void **p, size_t n) {
  int code = capturing ? 900 : n > free_bytes ? 2 : 0;
  if ((code = done("cudaMalloc", code))) return code;
  free_bytes -= n;
  return make(p, DEVICE, n, 0);
}
int cudaFree(void *p) {
  Thing *t = find(p, DEVICE);
  if (t) free_bytes += t->size;
  return done("cudaFree", drop(p, DEVICE));
}
int cudaHostAlloc(void **p, size_t n, unsigned flags) {
  int code = done("cudaHostAlloc", capturing ? 900 : 0);
  return code ? code : make(p, HOST, n, flags == 2);
}
int cudaHostGetDevicePointer(void **d, void *h, unsigned flags) {
  Thing *t = find(h, HOST);
  *d = h;
  return done("cudaHostGetDevicePointer", !t || !t->mapped || flags ? 1 : 0);
}
int cudaFreeHost(void *p) { return done("cudaFreeHost", drop(p, HOST)); }
int cudaMemcpyAsync(void *dst, const void *src, size_t n, int kind, void *s) {
  Thing *d = find(dst, kind == 1 ? DEVICE : HOST), *c = find(src, kind == 1 ? HOST : DEVICE);
  int code = !find(s, STREAM) ? 400 : kind != 1 && kind != 2 ? 21 : !d || !c ? 1 : 0;
  if (!code && ((char *)dst + n > d->base + d->size || (char *)src + n > c->base + c->size)) code = 1;
  if ((code = done(kind == 1 ? "copy to device" : "copy to host", code))) return code;
  return enqueue((Step){dst, src, n, 0, 0});
}
int cudaStreamBeginCapture(void *s, int mode) {
  int code = done("cudaStreamBeginCapture", capturing || mode != 1 || !find(s, STREAM) ? 1 : 0);
  if (code) return code;
  void *graph;
  make(&graph, GRAPH, sizeof(Graph), 0);
  capturing = graph; capture_stream = s;
  return 0;
}
int cudaStreamEndCapture(void *s, void **g) {
  Graph *graph = capturing;
  capturing = 0; *g = 0;
  int code = done("cudaStreamEndCapture", !graph || s != capture_stream ? 1 : 0);
  if (code && graph) drop(graph, GRAPH);
  if (!code) *g = graph;
  return code;
}
int cudaGraphInstantiateWithFlags(void **e, void *g, unsigned long long flags) {
  int code = done("cudaGraphInstantiateWithFlags", !find(g, GRAPH) || flags ? 1 : 0);
  if (code) return code;
  make(e, EXEC, sizeof(Graph), 0);
  memcpy(*e, g, sizeof(Graph));
  return 0;
}
int cudaGraphLaunch(void *e, void *s) {
  Thing *t = find(e, EXEC);
  int code = done("cudaGraphLaunch", !t || !find(s, STREAM) ? 1 : 0);
  if (code) return code;
  Graph *graph = (Graph *)t->base;
  for (int i = 0; i < graph->count; i++) enqueue(graph->steps[i]);
  return 0;
}
int cudaGraphDestroy(void *g) { return done("cudaGraphDestroy", drop(g, GRAPH)); }
int cudaGraphExecDestroy(void *e) { return done("cudaGraphExecDestroy", drop(e, EXEC)); }
int cudaGetLastError(void) { int code = last_error; last_error = 0; return code; }
const char *cudaGetErrorName(int code) {
  switch (code) {
    case 1: return "cudaErrorInvalidValue";
    case 2: return "cudaErrorMemoryAllocation";
    case 35: return "cudaErrorInsufficientDriver";
    case 100: return "cudaErrorNoDevice";
    case 101: return "cudaErrorInvalidDevice";
    case 400: return "cudaErrorInvalidResourceHandle";
    case 700: return "cudaErrorIllegalAddress";
    case 900: return "cudaErrorStreamCaptureUnsupported";
    default: return "unrecognized error code";
  }
}
const char *cudaGetErrorString(int code) { return code == 2 ? "out of memory" : "as its name says"; }
int fake_last_error(void) { return last_error; }
