// Sixteen numbers at a time, in the compiler's own vectors: each target makes of them what it has (one register with AVX-512, two
// with AVX2, four with SSE or NEON). Everything is inline and in a nameless namespace: the files that include this are compiled for
// different processors, and nothing of theirs may meet at link time.
#pragma once

#include <cstdint>
#include <cstring>

namespace guidedgen {
namespace {

constexpr int64_t LANES = 16;

using Floats = float __attribute__((vector_size(64)));
using Ints = int32_t __attribute__((vector_size(64)));
using Words = uint32_t __attribute__((vector_size(64)));
using Shorts = uint16_t __attribute__((vector_size(32)));
using Bytes16 = int8_t __attribute__((vector_size(16)));

inline Floats splat(float value) { return value - Floats{}; }

inline Ints splat(int32_t value) { return value - Ints{}; }

template <typename To, typename From>
inline To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    std::memcpy(&to, &from, sizeof(to));
    return to;
}

template <typename Vector>
inline Vector load(const void* from) {
    Vector vector;
    std::memcpy(&vector, from, sizeof(vector));
    return vector;
}

template <typename Vector>
inline void store(void* to, Vector vector) {
    std::memcpy(to, &vector, sizeof(vector));
}

inline Floats widened(Shorts brief) { return bits_as<Floats>(__builtin_convertvector(brief, Words) << 16); }  // from bfloat16

inline Shorts shortened(Floats exact) {  // to bfloat16, to the nearest, ties to even
    const Words bits = bits_as<Words>(exact);
    return __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Shorts);
}

inline Floats from_half(Shorts half) {  // IEEE binary16; the factor turns its exponents, denormal ones too, into ours
    const Words bits = __builtin_convertvector(half, Words);
    const Floats size = bits_as<Floats>((bits & 0x7fff) << 13) * 0x1p112f;
    return bits_as<Floats>(bits_as<Words>(size) | ((bits & 0x8000) << 16));
}

// The first `count` numbers at `from`, and zeros.
inline Floats load_floats(const float* from, int64_t count = LANES) {
    if (count >= LANES) return load<Floats>(from);
    Floats lanes{};
    std::memcpy(&lanes, from, static_cast<size_t>(count) * sizeof(float));
    return lanes;
}

inline Floats load_floats(const uint16_t* from, int64_t count = LANES) {
    if (count >= LANES) return widened(load<Shorts>(from));
    Shorts lanes{};
    std::memcpy(&lanes, from, static_cast<size_t>(count) * sizeof(uint16_t));
    return widened(lanes);
}

inline void store_floats(float* to, Floats lanes, int64_t count = LANES) {
    if (count >= LANES) return store(to, lanes);
    std::memcpy(to, &lanes, static_cast<size_t>(count) * sizeof(float));
}

inline void store_floats(uint16_t* to, Floats lanes, int64_t count = LANES) {
    const Shorts brief = shortened(lanes);
    std::memcpy(to, &brief, static_cast<size_t>(count < LANES ? count : LANES) * sizeof(uint16_t));
}

using Eight = float __attribute__((vector_size(32)));
using Four = float __attribute__((vector_size(16)));

template <typename Half, typename Whole>
inline void halve(Whole whole, Half& low, Half& high) {
    std::memcpy(&low, &whole, sizeof(low));
    std::memcpy(&high, reinterpret_cast<const char*>(&whole) + sizeof(low), sizeof(high));
}

inline float sum(Floats lanes) {  // in one fixed order
    Eight low, high;
    halve(lanes, low, high);
    Four first, second;
    halve(low + high, first, second);
    const Four all = first + second;
    return (all[0] + all[2]) + (all[1] + all[3]);
}

inline float largest(Floats lanes) {
    Eight low, high;
    halve(lanes, low, high);
    Four first, second;
    halve(low > high ? low : high, first, second);
    const Four all = first > second ? first : second;
    const float even = all[0] > all[2] ? all[0] : all[2], odd = all[1] > all[3] ? all[1] : all[3];
    return even > odd ? even : odd;
}

inline Floats greater(Floats a, Floats b) { return a > b ? a : b; }

// e to the power of x within 2 units of the last place; 0 below -87, and never infinite.
inline Floats exponential(Floats x) {
    const Floats low = splat(-87.0f), high = splat(88.0f);
    const Floats bounded = x < low ? low : (x > high ? high : x);
    const Floats magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
    const Floats shifted = bounded * 1.44269504f + magic;
    const Floats whole = shifted - magic;
    const Floats rest = (bounded - whole * 0.693359375f) + whole * 2.12194440e-4f;  // log 2 in two parts
    Floats series = splat(1.0f / 720);
    constexpr float factors[] = {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
    for (float factor : factors) series = series * rest + factor;
    const Floats power = bits_as<Floats>((bits_as<Ints>(shifted) << 23) + bits_as<Ints>(splat(1.0f)));
    return x < low ? Floats{} : series * power;
}

}  // namespace
}  // namespace guidedgen
