// A fuzzer's bytes as a stream of choices, and the arrays of a grammar table that they make.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace guidedgen::fuzz {

using std::size_t;

// One that has ended gives zeros, so that every input is a grammar.
class Source {
  public:
    Source(const uint8_t* data, size_t size) : data_(data), size_(size) {}
    uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
    int32_t below(int32_t n) { return n > 0 ? byte() % n : 0; }
    const uint8_t* rest() const { return data_ + at_; }
    size_t left() const { return size_ - at_; }

  private:
    const uint8_t* data_;
    size_t size_, at_ = 0;
};

struct Tables {
    std::vector<int32_t> exprs, symbols, pool;
    std::vector<uint8_t> byte_sets, literals;

    int32_t expressions() const { return static_cast<int32_t>(exprs.size() / 3); }
    int32_t count() const { return static_cast<int32_t>(symbols.size() / 3); }
    int32_t pooled(const std::vector<int32_t>& list) {
        pool.insert(pool.end(), list.begin(), list.end());
        return static_cast<int32_t>(pool.size() - list.size());
    }
    int32_t expression(int32_t op, int32_t a = 0, int32_t b = 0) {
        exprs.insert(exprs.end(), {op, a, b});
        return expressions() - 1;
    }
    int32_t symbol(int32_t op, int32_t a = 0, int32_t b = 0) {
        symbols.insert(symbols.end(), {op, a, b});
        return count() - 1;
    }
    int32_t byte_set(const char* bytes) {
        const size_t row = byte_sets.size() / 32;
        byte_sets.resize(byte_sets.size() + 32, 0);
        for (; *bytes; ++bytes) byte_sets[row * 32 + (static_cast<uint8_t>(*bytes) >> 3)] |= static_cast<uint8_t>(1 << (*bytes & 7));
        return static_cast<int32_t>(row);
    }
};

}  // namespace guidedgen::fuzz
