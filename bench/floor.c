/*
 * The floor: libtensorflow's C API called directly on a tensor that is ready. It shares no code with the engine.
 *
 * Arguments: folder of libtensorflow, graph file, input name, output name, sizes of the input's axes.
 * stdin: the tensor's float32 values, then commands, one a line; each is answered by one line of JSON.
 *   open HEX                             imports the graph and opens a session with this ConfigProto, and runs it once
 *   run SESSION PARALLEL CLIENTS MS      CLIENTS closed loops, of which PARALLEL run at a time, for MS milliseconds
 * The declarations are those of tensorflow/c/c_api.h that it needs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct TF_Buffer TF_Buffer;
typedef struct TF_Graph TF_Graph;
typedef struct TF_ImportGraphDefOptions TF_ImportGraphDefOptions;
typedef struct TF_Operation TF_Operation;
typedef struct TF_Session TF_Session;
typedef struct TF_SessionOptions TF_SessionOptions;
typedef struct TF_Status TF_Status;
typedef struct TF_Tensor TF_Tensor;
typedef struct {
  TF_Operation *operation;
  int index;
} TF_Output;

enum { TF_FLOAT = 1, AXES_MAX = 8, SESSIONS_MAX = 16, CLIENTS_MAX = 256, CONFIG_MAX = 256, LATENCIES_MAX = 1 << 16 };

static struct {
  TF_Status *(*new_status)(void);
  void (*delete_status)(TF_Status *);
  int (*code)(const TF_Status *);
  const char *(*message)(const TF_Status *);
  TF_Graph *(*new_graph)(void);
  TF_ImportGraphDefOptions *(*new_import_options)(void);
  TF_Buffer *(*new_buffer)(const void *, size_t);
  void (*import)(TF_Graph *, const TF_Buffer *, const TF_ImportGraphDefOptions *, TF_Status *);
  TF_Operation *(*operation)(TF_Graph *, const char *);
  TF_SessionOptions *(*new_session_options)(void);
  void (*set_config)(TF_SessionOptions *, const void *, size_t, TF_Status *);
  TF_Session *(*new_session)(TF_Graph *, const TF_SessionOptions *, TF_Status *);
  TF_Tensor *(*allocate)(int, const int64_t *, int, size_t);
  void *(*data)(const TF_Tensor *);
  size_t (*byte_size)(const TF_Tensor *);
  void (*delete_tensor)(TF_Tensor *);
  void (*run)(TF_Session *, const TF_Buffer *, const TF_Output *, TF_Tensor *const *, int, const TF_Output *,
              TF_Tensor **, int, const TF_Operation *const *, int, TF_Buffer *, TF_Status *);
} tf;

typedef struct {
  TF_Session *session;
  TF_Output input;
  TF_Output output;
} Session;

static Session sessions[SESSIONS_MAX];
static int session_count;
static TF_Tensor *fed;

typedef struct {
  const Session *session;
  double end_ms;
  double *latencies_ms;
  int count;
} Client;

static sem_t slots;

static void stop(const char *what, const char *detail) {
  fprintf(stderr, "%s: %s\n", what, detail);
  exit(1);
}

static void *open_library(const char *folder, const char *const *names) {
  char path[4096];
  for (; *names != NULL; names++) {
    snprintf(path, sizeof path, "%s/%s", folder, *names);
    void *opened = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (opened != NULL) return opened;
  }
  stop("libtensorflow cannot be loaded", dlerror());
  return NULL;
}

static void load(const char *folder) {
  static const char *const framework[] = {"libtensorflow_framework.so.2", "libtensorflow_framework.so",
                                          "libtensorflow_framework.2.dylib", "libtensorflow_framework.dylib", NULL};
  static const char *const core[] = {"libtensorflow.so", "libtensorflow.so.2", "libtensorflow_cc.so.2",
                                     "libtensorflow.dylib", "libtensorflow.2.dylib", "libtensorflow_cc.2.dylib", NULL};
  open_library(folder, framework);
  void *library = open_library(folder, core);
  const struct {
    const char *name;
    void *place;
  } functions[] = {
      {"TF_NewStatus", &tf.new_status},
      {"TF_DeleteStatus", &tf.delete_status},
      {"TF_GetCode", &tf.code},
      {"TF_Message", &tf.message},
      {"TF_NewGraph", &tf.new_graph},
      {"TF_NewImportGraphDefOptions", &tf.new_import_options},
      {"TF_NewBufferFromString", &tf.new_buffer},
      {"TF_GraphImportGraphDef", &tf.import},
      {"TF_GraphOperationByName", &tf.operation},
      {"TF_NewSessionOptions", &tf.new_session_options},
      {"TF_SetConfig", &tf.set_config},
      {"TF_NewSession", &tf.new_session},
      {"TF_AllocateTensor", &tf.allocate},
      {"TF_TensorData", &tf.data},
      {"TF_TensorByteSize", &tf.byte_size},
      {"TF_DeleteTensor", &tf.delete_tensor},
      {"TF_SessionRun", &tf.run},
  };
  for (size_t index = 0; index < sizeof functions / sizeof *functions; index++) {
    void *found = dlsym(library, functions[index].name);
    if (found == NULL) stop("missing in libtensorflow", functions[index].name);
    memcpy(functions[index].place, &found, sizeof found);
  }
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) stop("the graph cannot be read", path);
  fseek(file, 0, SEEK_END);
  *length = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*length);
  if (fread(bytes, 1, *length, file) != *length) stop("the graph cannot be read", path);
  fclose(file);
  return bytes;
}

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Runs the session once; answers the index of the highest score. */
static size_t run_once(const Session *session) {
  TF_Status *status = tf.new_status();
  TF_Tensor *fetched = NULL;
  tf.run(session->session, NULL, &session->input, &fed, 1, &session->output, &fetched, 1, NULL, 0, NULL, status);
  if (tf.code(status) != 0) stop("the run failed", tf.message(status));
  tf.delete_status(status);
  const float *scores = tf.data(fetched);
  size_t best = 0;
  for (size_t index = 1; index < tf.byte_size(fetched) / sizeof *scores; index++)
    if (scores[index] > scores[best]) best = index;
  tf.delete_tensor(fetched);
  return best;
}

static void open_session(char *const *argv, const char *hex) {
  if (session_count == SESSIONS_MAX) stop("open", "too many sessions");
  unsigned char config[CONFIG_MAX];
  size_t config_bytes = strlen(hex) / 2;
  if (config_bytes > CONFIG_MAX) stop("open", "the configuration is too long");
  for (size_t index = 0; index < config_bytes; index++) sscanf(hex + 2 * index, "%2hhx", &config[index]);
  size_t graph_bytes;
  char *bytes = read_file(argv[2], &graph_bytes);

  double start = now_ms();
  TF_Status *status = tf.new_status();
  TF_Graph *graph = tf.new_graph();
  tf.import(graph, tf.new_buffer(bytes, graph_bytes), tf.new_import_options(), status);
  if (tf.code(status) != 0) stop("the graph cannot be imported", tf.message(status));
  double imported = now_ms();
  Session *session = &sessions[session_count];
  session->input = (TF_Output){tf.operation(graph, argv[3]), 0};
  session->output = (TF_Output){tf.operation(graph, argv[4]), 0};
  if (session->input.operation == NULL || session->output.operation == NULL) stop("there is no such operation", argv[3]);
  TF_SessionOptions *options = tf.new_session_options();
  tf.set_config(options, config, config_bytes, status);
  if (tf.code(status) != 0) stop("the configuration is refused", tf.message(status));
  session->session = tf.new_session(graph, options, status);
  if (tf.code(status) != 0) stop("no session", tf.message(status));
  size_t best = run_once(session);
  printf("{\"session\":%d,\"index\":%zu,\"importMs\":%.3f,\"totalMs\":%.3f}\n", session_count++, best,
         imported - start, now_ms() - start);
  free(bytes);
}

static void *client_loop(void *argument) {
  Client *client = argument;
  while (client->count < LATENCIES_MAX) {
    double asked = now_ms();
    if (asked >= client->end_ms) break;
    sem_wait(&slots);
    run_once(client->session);
    sem_post(&slots);
    client->latencies_ms[client->count++] = now_ms() - asked;
  }
  return NULL;
}

static void run_clients(int session, int parallel, int client_count, int ms) {
  static pthread_t threads[CLIENTS_MAX];
  static Client clients[CLIENTS_MAX];
  if (session < 0 || session >= session_count || client_count < 1 || client_count > CLIENTS_MAX) stop("run", "arguments");
  sem_init(&slots, 0, (unsigned)parallel);
  double start = now_ms();
  for (int index = 0; index < client_count; index++) {
    clients[index] = (Client){&sessions[session], start + ms, malloc(LATENCIES_MAX * sizeof(double)), 0};
    pthread_create(&threads[index], NULL, client_loop, &clients[index]);
  }
  for (int index = 0; index < client_count; index++) pthread_join(threads[index], NULL);
  printf("{\"wallMs\":%.3f,\"latenciesMs\":[", now_ms() - start);
  const char *separator = "";
  for (int index = 0; index < client_count; index++) {
    for (int latency = 0; latency < clients[index].count; latency++) {
      printf("%s%.3f", separator, clients[index].latencies_ms[latency]);
      separator = ",";
    }
    free(clients[index].latencies_ms);
  }
  printf("]}\n");
  sem_destroy(&slots);
}

int main(int argc, char **argv) {
  if (argc < 6 || argc > 5 + AXES_MAX) stop("usage", "floor LIBRARY_DIR GRAPH INPUT OUTPUT AXIS...");
  load(argv[1]);
  int64_t axes[AXES_MAX];
  int axis_count = argc - 5;
  size_t input_bytes = sizeof(float);
  for (int axis = 0; axis < axis_count; axis++) {
    axes[axis] = atoll(argv[5 + axis]);
    input_bytes *= (size_t)axes[axis];
  }
  fed = tf.allocate(TF_FLOAT, axes, axis_count, input_bytes);
  if (fread(tf.data(fed), 1, input_bytes, stdin) != input_bytes) stop("stdin", "ended within the tensor");
  char line[2 * CONFIG_MAX + 16], hex[2 * CONFIG_MAX + 1] = "";
  while (fgets(line, sizeof line, stdin) != NULL) {
    int session, parallel, clients, ms;
    if (sscanf(line, "run %d %d %d %d", &session, &parallel, &clients, &ms) == 4)
      run_clients(session, parallel, clients, ms);
    else if (strncmp(line, "open", 4) == 0) {
      hex[0] = '\0';
      sscanf(line, "open %512s", hex);
      open_session(argv, hex);
    } else
      stop("there is no such command", line);
    fflush(stdout);
  }
  return 0;
}
