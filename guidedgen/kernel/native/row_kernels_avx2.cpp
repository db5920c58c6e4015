// Row kernels for processors with AVX2, FMA and F16C; CMake compiles this file with those instructions.
#include "row_kernels_body.h"

namespace guidedgen {

extern const RowKernels kernels_avx2 = table("avx2");

}  // namespace guidedgen
