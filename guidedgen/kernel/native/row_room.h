// Memory that a forward over rows works in. It begins at a line of the cache, so that rows of whole lines share none: two threads that
// write beside each other would wait for each other's.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "row_kernels.h"

namespace guidedgen {

// Room for numbers, which are lost when it grows.
template <typename Number>
class Room {
  public:
    Number* data() { return numbers_.get(); }

    Number* grow(int64_t size) {
        if (size <= size_) return data();
        void* found = nullptr;
        const size_t bytes = (static_cast<size_t>(size) * sizeof(Number) + LINE - 1) / LINE * LINE;
        if (posix_memalign(&found, LINE, bytes) != 0) throw std::bad_alloc();
        numbers_.reset(static_cast<Number*>(found));
        size_ = size;
        return data();
    }

  private:
    struct Free {
        void operator()(Number* memory) const { std::free(memory); }
    };
    std::unique_ptr<Number, Free> numbers_;
    int64_t size_ = 0;
};

// Room for prepared rows of any matrix.
class PreparedRows {
  public:
    RowsView room(Format format, int64_t rows, int64_t width) {
        const int64_t bytes = format == Format::Float32 ? 4 : format == Format::Bfloat16 ? 2 : 1, groups = rows * width / GROUP;
        return {data_.grow(rows * width * bytes), scales_.grow(groups), sums_.grow(groups), shift_.grow(groups)};
    }

  private:
    Room<uint8_t> data_;
    Room<float> scales_, sums_;
    Room<int32_t> shift_;
};

}  // namespace guidedgen
