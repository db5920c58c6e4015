// What an expression is made of; `expressions.h` makes and derives them.
#pragma once

#include <vector>

#include "common.h"

namespace guidedgen {

enum class Op : uint8_t { Empty, Epsilon, Bytes, Literal, Concat, Or, And, Not, Repeat };

struct Expr {
    Op op;
    bool nullable;
    bool boolean;       // contains And or Not: emptiness must be searched for
    int32_t reach;      // bytes after which the largest bound of a repetition in it can matter; see clamp()
    int32_t a = 0, b = 0;              // Bytes: set; Concat: head, tail; Not, Repeat: child; Or, And: args offset, count
    int32_t low = 0, high = -1;        // Repeat
    int32_t shortest = 0;              // no text in it has fewer bytes
};

using Partition = std::vector<std::pair<ByteSet, int32_t>>;   // disjoint byte sets and what follows each

}  // namespace guidedgen
