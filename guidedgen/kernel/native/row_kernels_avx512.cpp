// Row kernels for processors with AVX-512 and VNNI; CMake compiles this file with those instructions.
#include "row_kernels_body.h"

namespace guidedgen {

extern const RowKernels kernels_avx512 = table("avx512");

}  // namespace guidedgen
