// Row kernels for processors of any kind; CMake compiles this file with those instructions.
#include "row_kernels_body.h"

namespace guidedgen {

extern const RowKernels kernels_portable = table("portable");

}  // namespace guidedgen
