// Small things that every header needs: limits, errors, hashing, byte sets.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

namespace guidedgen {

// Bytes that this module's pool holds from the system, where it has one (pool.h).
inline size_t (*pool_bytes)() = [] { return size_t{0}; };

// A configured limit was reached; becomes guidedgen.LimitExceeded.
struct LimitError : std::runtime_error {
    LimitError(const char* limit_, double value_, const std::string& detail_)
        : std::runtime_error(limit_), limit(limit_), detail(detail_), value(value_) {}
    std::string limit, detail;
    double value;
    bool fixed = false;   // it is no setting: nobody can raise it
};

inline LimitError fixed_limit(const char* limit, double value, const std::string& detail) {
    LimitError error(limit, value, detail);
    error.fixed = true;
    return error;
}

// The grammar derives no text at all; becomes guidedgen.UnsatisfiableSchema.
struct UnsatisfiableError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// No tokens spell a text that has to come; becomes guidedgen.DeadEnd.
struct SpellingError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Limits {
    int64_t expressions = 4'000'000;     // hash-consed expressions in one lexer
    int64_t states = 1'000'000;          // lexer states visited by one emptiness or distance search
    int64_t steps = 200'000'000;         // elementary steps of one call
    int64_t milliseconds = 4'000;         // processor time of one call
    int64_t depth = 500;                 // nesting of the input
    int64_t cache_bytes = 512ll << 20;   // memoised lexer states, rows and positions before they are rebuilt
    int64_t forced = 1'024;              // tokens that one call of forced() returns at most

    // Nesting of expressions: a level of the input becomes several, and what is derived from it nests deeper. Recursion
    // follows it, so it ends where the stack of a thread does.
    int64_t expression_depth() const { return depth < kDeepest / kLevels ? depth * kLevels : kDeepest; }

    // What one search may take on top: small caches are for saving memory, not for refusing ordinary searches.
    int64_t working_bytes() const { return cache_bytes > kLeastWork ? cache_bytes : kLeastWork; }

  private:
    static constexpr int64_t kLevels = 20, kDeepest = 10'000;
    static constexpr int64_t kLeastWork = 64ll << 20;
};

constexpr int64_t kFar = int64_t{1} << 50;   // a cost in bytes: "no finite text", and longer than any that is written

inline int64_t far_times(int64_t cost, int64_t times) { return times > 0 && cost > kFar / times ? kFar : cost * times; }

// What stands in the languages of obligations, which no text has: the beginning of a text, the end of a terminal, that of a text.
constexpr uint8_t kBeginningMark = 0xFC, kTerminalMark = 0xFE, kEndMark = 0xFF;

inline uint64_t mix(uint64_t h, uint64_t v) {
    h ^= v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdull;
    return h ^ (h >> 32);
}

struct ByteSet {
    std::array<uint64_t, 4> w{};

    static ByteSet single(uint8_t b) {
        ByteSet s;
        s.add(b);
        return s;
    }
    static ByteSet all() {
        ByteSet s;
        s.w.fill(~0ull);
        return s;
    }
    void add(uint8_t b) { w[b >> 6] |= 1ull << (b & 63); }
    // How many smaller bytes are in it.
    uint32_t rank(uint8_t b) const {
        uint32_t before = 0;
        for (int i = 0; i < b >> 6; ++i) before += static_cast<uint32_t>(__builtin_popcountll(w[i]));
        return before + static_cast<uint32_t>(__builtin_popcountll(w[b >> 6] & ((uint64_t{1} << (b & 63)) - 1)));
    }
    static ByteSet range(int from, int to) {
        ByteSet s;
        for (int b = from; b <= to; ++b) s.add(static_cast<uint8_t>(b));
        return s;
    }
    bool has(uint8_t b) const { return (w[b >> 6] >> (b & 63)) & 1; }
    bool empty() const { return !(w[0] | w[1] | w[2] | w[3]); }
    int count() const {
        int n = 0;
        for (uint64_t x : w) n += __builtin_popcountll(x);
        return n;
    }
    bool subset_of(const ByteSet& o) const {
        return !((w[0] & ~o.w[0]) | (w[1] & ~o.w[1]) | (w[2] & ~o.w[2]) | (w[3] & ~o.w[3]));
    }
    ByteSet operator|(const ByteSet& o) const { return combine(o, [](uint64_t a, uint64_t b) { return a | b; }); }
    ByteSet operator&(const ByteSet& o) const { return combine(o, [](uint64_t a, uint64_t b) { return a & b; }); }
    ByteSet operator-(const ByteSet& o) const { return combine(o, [](uint64_t a, uint64_t b) { return a & ~b; }); }
    bool operator==(const ByteSet& o) const { return w == o.w; }
    uint64_t hash() const { return mix(mix(mix(w[0], w[1]), w[2]), w[3]); }

    template <class F>
    void each(F f) const {
        for (int i = 0; i < 4; ++i)
            for (uint64_t x = w[i]; x; x &= x - 1) f(static_cast<uint8_t>(i * 64 + __builtin_ctzll(x)));
    }

  private:
    template <class F>
    ByteSet combine(const ByteSet& o, F f) const {
        ByteSet s;
        for (int i = 0; i < 4; ++i) s.w[i] = f(w[i], o.w[i]);
        return s;
    }
};

}  // namespace guidedgen
