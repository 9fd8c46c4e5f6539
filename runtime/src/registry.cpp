// Which kernels exist. Tables come and go with the libraries that carry them (constructors before main, dlopen,
// dlclose); look-ups come from every call of every thread.
//
// The list of tables is guarded by a mutex. Calls normally do not reach it: each thread keeps the kernels that it found
// lately, stamped with the registry's generation, which every (un)registration advances. So a hit costs one atomic
// load and no shared write, and nothing that a reader may still hold ever has to be freed later: a thread's notes are
// its own copies, and a stale stamp discards them before they are used. The pointer that a look-up returns is valid as
// long as the library that carries the kernel is loaded; unloading a library during a call that uses its kernels is the
// caller's mistake, unloading any other one is not.
//
// Everything here is constant-initialised and has no destructor, so it works before other constructors have run and
// after destructors have.
#include "registry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
#include <initializer_list>

#include "cpu.h"
#include "error.h"
#include "gpu/backend.h"
#include "names.h"
#include "text.h"

namespace lossgen {
namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
std::atomic<uint64_t> generation{1};

const lossgen_kernel_table **tables = nullptr;  // in the order of registration
uint32_t table_count = 0;
uint32_t table_capacity = 0;
bool table_lost = false;  // no memory to note one

// Tables of another ABI, kept only to be named in errors. Of such a table nothing is read but abi, count and library,
// the prefix that every ABI keeps.
constexpr uint32_t kMaxRejected = 4;
const lossgen_kernel_table *rejected[kMaxRejected];
uint32_t rejected_count = 0;

void lock() { pthread_mutex_lock(&mutex); }
void unlock() { pthread_mutex_unlock(&mutex); }

struct Locked {
  Locked() { lock(); }
  ~Locked() { unlock(); }
};

template <class Visit>
void for_each_kernel(Visit visit) {
  for (uint32_t t = 0; t < table_count; ++t) {
    for (uint32_t k = 0; k < tables[t]->count; ++k) visit(tables[t]->kernels[k]);
  }
}

struct Request {
  int stage, dtype, layout, target;
  int64_t classes;
  bool general_only;

  bool fits_stage(const lossgen_kernel &k) const { return k.stage == stage && k.dtype == dtype; }
  bool fits_layout(const lossgen_kernel &k) const { return k.layout == layout || k.layout == LOSSGEN_LAYOUT_any; }
  bool fits_classes(const lossgen_kernel &k) const { return k.classes == 0 || (k.classes == classes && !general_only); }
  bool fits_target(const lossgen_kernel &k) const {
    return target == kAnyTarget ? cpu_lacks(k.target) == nullptr : k.target == target;
  }
};

// Higher is better. Targets of one machine are listed oldest first.
int rank(const lossgen_kernel &k) {
  return k.target * 4 + (k.classes != 0 ? 2 : 0) + (k.layout != LOSSGEN_LAYOUT_any ? 1 : 0);
}

__attribute__((noinline)) const lossgen_kernel *search(const Request &request) {
  Locked locked;
  const lossgen_kernel *best = nullptr;
  for_each_kernel([&](const lossgen_kernel &k) {
    if (!request.fits_stage(k) || !request.fits_layout(k) || !request.fits_classes(k) || !request.fits_target(k))
      return;
    if (best == nullptr || rank(k) >= rank(*best)) best = &k;
  });
  return best;
}

}  // namespace

// What a thread has asked about one kind of rows, of which a call needs about five stages.
struct KnownKernels {
  uint64_t kind;  // 0 = empty
  int64_t classes;
  uint32_t asked;  // bit per stage
  const lossgen_kernel *kernel[LOSSGEN_STAGE_COUNT];
};
static_assert(LOSSGEN_STAGE_COUNT <= 32, "KnownKernels::asked has a bit per stage");

namespace {

// A program has perhaps ten kinds. More than these would cost searches in every call. Plain data: see error.cpp.
constexpr uint32_t kKinds = 16;
struct Known {
  uint64_t generation;
  uint32_t oldest;  // which goes next
  KnownKernels kinds[kKinds];
};
thread_local Known known;

// Out of the way of a hit, which needs few registers.
__attribute__((noinline)) KnownKernels *add_kind(uint64_t kind, int64_t classes) {
  KnownKernels *k = &known.kinds[known.oldest++ % kKinds];
  *k = {kind, classes, 0, {}};
  return k;
}

}  // namespace

KernelsFor::KernelsFor(int dtype, int layout, int64_t classes, int target, bool general_only)
    : dtype_(dtype), layout_(layout), target_(target), general_only_(general_only), classes_(classes) {
  const uint64_t kind = uint64_t{1} << 32 | static_cast<uint64_t>(dtype & 0xff) << 24 |
                        static_cast<uint64_t>(layout & 0xff) << 16 | static_cast<uint64_t>(target & 0xff) << 8 |
                        static_cast<uint64_t>(general_only);
  Known &mine = known;
  const uint64_t now = generation.load(std::memory_order_acquire);
  if (mine.generation != now) {
    memset(&mine, 0, sizeof(mine));
    mine.generation = now;
  }
  for (KnownKernels &k : mine.kinds) {
    if (k.kind != kind || k.classes != classes) continue;
    known_ = &k;
    return;
  }
  known_ = add_kind(kind, classes);
}

const lossgen_kernel *KernelsFor::find(int stage) {
  if (known_->asked >> stage & 1) return known_->kernel[stage];
  const lossgen_kernel *kernel = search({stage, dtype_, layout_, target_, classes_, general_only_});
  known_->asked |= 1u << stage;
  return known_->kernel[stage] = kernel;
}

lossgen_status KernelsFor::need(int stage, const lossgen_kernel **kernel) {
  *kernel = find(stage);
  return *kernel ? LOSSGEN_OK : explain_missing(stage, dtype_, layout_, classes_, target_, general_only_);
}

const lossgen_kernel *kernel_at(uint32_t index) {
  Locked locked;
  for (uint32_t t = 0; t < table_count; ++t) {
    if (index < tables[t]->count) return &tables[t]->kernels[index];
    index -= tables[t]->count;
  }
  return nullptr;
}

const char *target_lacks(int target) {
  const Backend *backend = backend_of_machine(target_machine(target));
  return backend != nullptr ? backend->lacks() : cpu_lacks(target);
}

namespace {

bool is_host_target(int target) { return backend_of_machine(target_machine(target)) == nullptr; }

// "cross_entropy_backward" -> "cross_entropy", the name that lossgen_add_library's OPS takes; NULL for helpers.
const char *op_of_stage(int stage) {
  for (const char *op : {"log_softmax", "nll_loss", "cross_entropy_probs", "cross_entropy"}) {
    if (strncmp(stage_name(stage), op, strlen(op)) == 0) return op;
  }
  return nullptr;
}

// "x86-64-v3, arm64" for a set of bits, each with its reason if wanted.
void add_targets(Text &text, uint32_t set, bool with_reasons) {
  const char *separator = "";
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) {
    if (!(set >> id & 1)) continue;
    text.add("%s%s", separator, target_name(id));
    if (with_reasons && target_lacks(id) != nullptr) text.add(" (%s)", target_lacks(id));
    separator = ", ";
  }
}

// What is linked, seen from a request that found nothing: how far down the list of its fields kernels still fit.
struct Findings {
  uint64_t kernels = 0, of_stage = 0, of_dtype = 0, of_both = 0, of_layout = 0;
  uint32_t all_targets = 0;   // bit per target, of those that fit stage, dtype and layout
  uint32_t targets = 0;       // ... and the class count
  int64_t built_for[6] = {};  // class counts of the others
  uint32_t built_for_count = 0;

  void add(const lossgen_kernel &k, const Request &request) {
    ++kernels;
    of_stage += k.stage == request.stage;
    of_dtype += k.dtype == request.dtype;
    if (!request.fits_stage(k)) return;
    ++of_both;
    if (!request.fits_layout(k)) return;
    ++of_layout;
    if (k.target >= LOSSGEN_TARGET_COUNT) return;
    all_targets |= 1u << k.target;
    if (request.fits_classes(k)) {
      targets |= 1u << k.target;
      return;
    }
    for (uint32_t i = 0; i < built_for_count; ++i) {
      if (built_for[i] == k.classes) return;
    }
    if (built_for_count < sizeof(built_for) / sizeof(built_for[0])) built_for[built_for_count++] = k.classes;
  }
};

lossgen_status explain(const Request &request, const Findings &found) {
  // "f32 rows", "i64 targets"
  char what[64];
  Text(what, sizeof(what))
      .add("%s %s", dtype_name(request.dtype),
           request.stage == LOSSGEN_STAGE_target_classes ? "targets"
           : request.layout == LOSSGEN_LAYOUT_any        ? "logits"
           : request.layout == LOSSGEN_LAYOUT_strided    ? "strided logits"
                                                         : layout_name(request.layout));
  char buffer[512];
  Text text(buffer, sizeof(buffer));
  lossgen_status status = LOSSGEN_UNSUPPORTED_BY_BUILD;
  const char *op = op_of_stage(request.stage);

  if (found.kernels == 0) {
    text.add("no kernels are linked into this program; link a library made by lossgen_add_library");
  } else if (found.of_dtype == 0) {
    text.add("%s are not in this build", what);
    if (op != nullptr) text.add("; add DTYPES %s to lossgen_add_library", dtype_name(request.dtype));
  } else if (found.of_stage == 0) {
    text.add("%s is not in this build", stage_name(request.stage));
    if (op != nullptr) text.add("; add OPS %s to lossgen_add_library", op);
  } else if (found.of_both == 0 || found.of_layout == 0) {
    text.add("%s of %s is not in this build", stage_name(request.stage), what);
    if (found.of_both == 0 && op != nullptr) {
      text.add("; make a library with OPS %s and DTYPES %s by lossgen_add_library", op, dtype_name(request.dtype));
    }
  } else if (found.targets == 0) {
    text.add("%s of %s is in this build for", stage_name(request.stage), what);
    for (uint32_t i = 0; i < found.built_for_count; ++i) {
      text.add("%s %lld", i > 0 ? "," : "", static_cast<long long>(found.built_for[i]));
    }
    text.add(" classes only, %s %lld",
             request.general_only ? "general_kernels_only asks for any number, here" : "not for",
             static_cast<long long>(request.classes));
  } else if (request.target != kAnyTarget) {
    const char *name = target_name(request.target);
    text.add("%s of %s is not in this build for target %s, only for ", stage_name(request.stage), what, name);
    add_targets(text, found.targets, false);
    text.add("; add TARGETS %s to lossgen_add_library", name);
  } else {
    uint32_t for_hosts = 0;
    for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) for_hosts |= is_host_target(id) ? found.targets & 1u << id : 0;
    text.add("%s of %s is in this build for ", stage_name(request.stage), what);
    if (for_hosts != 0) {
      status = LOSSGEN_UNSUPPORTED_HARDWARE;
      add_targets(text, for_hosts, true);
      text.add(" only");
    } else {
      add_targets(text, found.targets, false);
      text.add(" only, the tensors are on the host; add a CPU target to TARGETS of lossgen_add_library");
    }
  }
  return fail(status, "%s", buffer);
}

}  // namespace

lossgen_status explain_missing(int stage, int dtype, int layout, int64_t classes, int target, bool general_only) {
  const Request request = {stage, dtype, layout, target, classes, general_only};
  Findings found;
  {
    Locked locked;
    for_each_kernel([&](const lossgen_kernel &k) { found.add(k, request); });
  }
  const lossgen_status status = explain(request, found);  // may load a driver: not under the mutex
  Locked locked;
  for (uint32_t i = 0; i < rejected_count; ++i) {
    fail_more(" (kernels of library %s are left out: kernel ABI %u, this runtime has %u)",
              rejected[i]->library != nullptr ? rejected[i]->library : "?", rejected[i]->abi, LOSSGEN_KERNEL_ABI);
  }
  if (table_lost) fail_more(" (out of memory when a kernel library was loaded)");
  return status;
}

namespace {

lossgen_status check_forced(const char *name, const char *source, int *target) {
  const int id = target_id(name);
  if (id < 0) {
    char known[256];
    Text text(known, sizeof(known));
    add_targets(text, ~0u, false);
    return fail(LOSSGEN_BAD_ARGUMENT, "%s = \"%.60s\" is not a target; targets are %s", source, name, known);
  }
  if (!is_host_target(id)) {
    return fail(LOSSGEN_BAD_ARGUMENT, "%s = \"%s\" is for device tensors, these are on the host", source, name);
  }
  if (const char *reason = cpu_lacks(id)) {
    return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "%s = \"%s\" cannot run here: %s", source, name, reason);
  }
  *target = id;
  return LOSSGEN_OK;
}

// A copy, because the program may change its environment while other threads run.
struct Environment {
  char target[64] = {};
  Environment() {
    if (const char *value = getenv("LOSSGEN_TARGET")) Text(target, sizeof(target)).add("%s", value);
  }
};

}  // namespace

lossgen_status resolve_target(const char *from_options, int *target) {
  static const Environment environment;
  *target = kAnyTarget;
  if (from_options != nullptr) return check_forced(from_options, "options.target", target);
  if (environment.target[0] != '\0') return check_forced(environment.target, "LOSSGEN_TARGET", target);
  return LOSSGEN_OK;
}

}  // namespace lossgen

using namespace lossgen;

extern "C" {

// Generated tables of other libraries call these: exported, though not in the public header.
LOSSGEN_API void LOSSGEN_REGISTER(const lossgen_kernel_table *table) {
  if (table == nullptr) return;
  // A fork while another thread holds the mutex would leave it locked in the child.
  static const int at_fork = pthread_atfork(lock, unlock, unlock);
  (void)at_fork;
  Locked locked;
  if (table->abi != LOSSGEN_KERNEL_ABI) {
    for (uint32_t i = 0; i < rejected_count; ++i) {
      if (rejected[i] == table) return;
    }
    if (rejected_count < kMaxRejected) rejected[rejected_count++] = table;
    return;
  }
  for (uint32_t i = 0; i < table_count; ++i) {
    if (tables[i] == table) return;
  }
  if (table_count == table_capacity) {
    const uint32_t capacity = table_capacity == 0 ? 8 : table_capacity * 2;
    void *grown = realloc(tables, capacity * sizeof(*tables));
    if (grown == nullptr) {
      table_lost = true;
      return;
    }
    tables = static_cast<const lossgen_kernel_table **>(grown);
    table_capacity = capacity;
  }
  tables[table_count++] = table;
  generation.fetch_add(1, std::memory_order_release);
}

LOSSGEN_API void LOSSGEN_UNREGISTER(const lossgen_kernel_table *table) {
  Locked locked;
  for (uint32_t i = 0; i < rejected_count; ++i) {
    if (rejected[i] != table) continue;
    rejected[i] = rejected[--rejected_count];
    return;
  }
  for (uint32_t i = 0; i < table_count; ++i) {
    if (tables[i] != table) continue;
    --table_count;
    memmove(tables + i, tables + i + 1, (table_count - i) * sizeof(*tables));
    generation.fetch_add(1, std::memory_order_release);
    break;
  }
  if (table_count == 0) {  // perhaps the runtime itself is being unloaded: leave nothing behind
    free(tables);
    tables = nullptr;
    table_capacity = 0;
  }
}

// The mutex is not held while the visitor runs: it may call lossgen, or load a library (of which it may then see a
// part).
void lossgen_list_kernels(int (*visit)(void *user, const lossgen_kernel_info *info), void *user) {
  if (visit == nullptr) return;
  uint32_t t = 0, k = 0;
  for (;;) {
    lossgen_kernel_info info = LOSSGEN_SIZED(lossgen_kernel_info);
    int target;
    {
      Locked locked;
      while (t < table_count && k >= tables[t]->count) {
        ++t;
        k = 0;
      }
      if (t >= table_count) return;
      const lossgen_kernel &kernel = tables[t]->kernels[k++];
      info.name = kernel.name;
      info.op = stage_name(kernel.stage);
      info.dtype = dtype_name(kernel.dtype);
      info.layout = layout_name(kernel.layout);
      info.target = target_name(kernel.target);
      info.classes = kernel.classes;
      info.schedule = kernel.schedule;
      info.backend = kernel.backend;
      info.library = tables[t]->library;
      target = kernel.target;
    }
    info.usable = target_lacks(target) == nullptr;
    if (visit(user, &info) != 0) return;
  }
}

void lossgen_list_targets(int (*visit)(void *user, const lossgen_target_info *info), void *user) {
  if (visit == nullptr) return;
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) {
    lossgen_target_info info = LOSSGEN_SIZED(lossgen_target_info);
    info.name = target_name(id);
    info.reason = target_lacks(id);
    info.usable = info.reason == nullptr;
    {
      Locked locked;
      for_each_kernel([&](const lossgen_kernel &kernel) { info.kernels += kernel.target == id; });
    }
    if (visit(user, &info) != 0) return;
  }
}

}  // extern "C"
