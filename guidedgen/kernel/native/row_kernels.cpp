// Which table of row kernels this processor gets.
#include "row_kernels.h"

namespace guidedgen {

extern const RowKernels kernels_portable;
#if defined(GUIDEDGEN_X86)
extern const RowKernels kernels_avx2, kernels_avx512, kernels_avx512_bf16;
#endif

namespace {

std::vector<const RowKernels*> runnable() {
    std::vector<const RowKernels*> tables;
#if defined(GUIDEDGEN_X86)
    __builtin_cpu_init();
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    if (wide && __builtin_cpu_supports("avx512bf16")) tables.push_back(&kernels_avx512_bf16);
    if (wide) tables.push_back(&kernels_avx512);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) tables.push_back(&kernels_avx2);
#endif
    tables.push_back(&kernels_portable);
    return tables;
}

}  // namespace

const RowKernels* row_kernels(const std::string& name) {
    for (const RowKernels* table : runnable())
        if (name.empty() || name == table->name) return table;
    return nullptr;
}

std::vector<std::string> row_kernel_names() {
    std::vector<std::string> names;
    for (const RowKernels* table : runnable()) names.push_back(table->name);
    return names;
}

}  // namespace guidedgen
