// As many numbers at a time as one register holds, in the compiler's own vectors: sixteen with AVX-512, eight with AVX2, else four.
// Everything is inline and in a nameless namespace: the files that include this are compiled for different processors, and nothing of
// theirs may meet at link time.
#pragma once

#include <cstdint>
#include <cstring>

namespace guidedgen {
namespace {

#if defined(__AVX512F__)
constexpr int64_t LANES = 16;
#elif defined(__AVX2__)
constexpr int64_t LANES = 8;
#else
constexpr int64_t LANES = 4;
#endif

using Floats = float __attribute__((vector_size(LANES * 4)));
using Ints = int32_t __attribute__((vector_size(LANES * 4)));
using Words = uint32_t __attribute__((vector_size(LANES * 4)));
using Shorts = uint16_t __attribute__((vector_size(LANES * 2)));
using Octets = int8_t __attribute__((vector_size(LANES)));

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

using Four = float __attribute__((vector_size(16)));
using Eight = float __attribute__((vector_size(32)));
using Sixteen = float __attribute__((vector_size(64)));

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define GUIDEDGEN_SHUFFLES
#endif
#endif

// All lanes by one operation, halves first: always in the same order.
template <typename Join>
inline float joined(Four lanes, const Join& join) {
    return join(join(lanes[0], lanes[2]), join(lanes[1], lanes[3]));
}

template <typename Part, typename Whole>
inline Part part_of(Whole lanes, int64_t number) {
    Part part;
    std::memcpy(&part, reinterpret_cast<const char*>(&lanes) + number * static_cast<int64_t>(sizeof(part)), sizeof(part));
    return part;
}

// The lower half of a register's numbers joined with the upper one. By way of memory, what is summed up would stay there in every loop.
template <typename Join>
inline Eight folded(Sixteen lanes, const Join& join) {
#if defined(GUIDEDGEN_SHUFFLES)
    return join(__builtin_shufflevector(lanes, lanes, 0, 1, 2, 3, 4, 5, 6, 7), __builtin_shufflevector(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15));
#else
    return join(part_of<Eight>(lanes, 0), part_of<Eight>(lanes, 1));
#endif
}

template <typename Join>
inline Four folded(Eight lanes, const Join& join) {
#if defined(GUIDEDGEN_SHUFFLES)
    return join(__builtin_shufflevector(lanes, lanes, 0, 1, 2, 3), __builtin_shufflevector(lanes, lanes, 4, 5, 6, 7));
#else
    return join(part_of<Four>(lanes, 0), part_of<Four>(lanes, 1));
#endif
}

template <typename Join>
inline float joined(Eight lanes, const Join& join) {
    return joined(folded(lanes, join), join);
}

template <typename Join>
inline float joined(Sixteen lanes, const Join& join) {
    return joined(folded(lanes, join), join);
}

inline float sum(Floats lanes) {
    return joined(lanes, [](auto a, auto b) { return a + b; });
}

inline float largest(Floats lanes) {
    return joined(lanes, [](auto a, auto b) { return a > b ? a : b; });
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
