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

#include "error.h"
#include "names.h"

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

// Higher is better. Targets of one machine are listed oldest first.
int rank(const lossgen_kernel &k) {
  return k.target * 4 + (k.classes != 0 ? 2 : 0) + (k.layout != LOSSGEN_LAYOUT_any ? 1 : 0);
}

__attribute__((noinline)) const lossgen_kernel *search(const KernelRequest &request) {
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

void visit_kernels(void (*visit)(void *user, const lossgen_kernel &kernel), void *user) {
  Locked locked;
  for_each_kernel([&](const lossgen_kernel &kernel) { visit(user, kernel); });
}

void tell_left_out() {
  Locked locked;
  for (uint32_t i = 0; i < rejected_count; ++i) {
    fail_more(" (kernels of library %s are left out: kernel ABI %u, this runtime has %u)",
              rejected[i]->library != nullptr ? rejected[i]->library : "?", rejected[i]->abi, LOSSGEN_KERNEL_ABI);
  }
  if (table_lost) fail_more(" (out of memory when a kernel library was loaded)");
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
