// The CPU quota of the control group that this process is in.
#ifndef LOSSGEN_RUNTIME_CGROUP_H
#define LOSSGEN_RUNTIME_CGROUP_H

namespace lossgen {

// CPUs that the quota pays for, rounded up; 0 = no limit found. Looks at v2 (cpu.max) and v1 (cpu.cfs_quota_us), at the
// group and all groups above it that are visible. root: prefix of every path read, "" but in tests.
int cgroup_cpu_limit(const char *root);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_CGROUP_H
