// Row kernels for processors with AVX-512, VNNI and BF16; CMake compiles this file with those instructions.
#include "row_kernels_body.h"

namespace guidedgen {

extern const RowKernels kernels_avx512_bf16 = table("avx512_bf16");

}  // namespace guidedgen
