// Attention of rows over slots. What a row sees is cut into runs: slots that several rows see in the same places are read once for
// all of them. Runs begin at multiples of TILE of a row's own sequence, and every sum goes from its oldest slot to its newest, so a
// row's result does not depend on which runs it shares. Included by row_kernels_body.h.
#pragma once

#include <algorithm>
#include <type_traits>

#include "lanes.h"
#include "row_kernels.h"

namespace guidedgen {
namespace {

inline Floats load_floats(const int8_t* from, int64_t count = LANES) {
    Octets lanes{};
    std::memcpy(&lanes, from, static_cast<size_t>(count < LANES ? count : LANES));
    return __builtin_convertvector(__builtin_convertvector(lanes, Ints), Floats);
}

// Keys or values of one head in the slots of a run. Eight-bit ones have their scale behind them.
template <typename Number>
struct Slots {
    const uint8_t* first;
    int64_t slot_bytes, dim;
    const int64_t* numbers;

    const Number* operator[](int64_t i) const { return reinterpret_cast<const Number*>(first + numbers[i] * slot_bytes); }
    float scale(int64_t i) const {
        float scale = 1;
        if constexpr (std::is_same_v<Number, int8_t>) std::memcpy(&scale, (*this)[i] + dim, sizeof(scale));
        return scale;
    }
};

template <typename Number>
inline Slots<Number> slots_of(const Attention& what, const void* memory, const SlotRun& run) {
    return {static_cast<const uint8_t*>(memory), what.slot_bytes, what.dim, run.slots};
}

// Q queries at once over slots of D registers: what is read of a slot serves all of them. scores[q][i] = query q . key i.
template <int64_t Q, int64_t D, typename Number>
void score_some(const float* const* queries, const Slots<Number>& keys, int64_t count, float scale, float* const* scores) {
    Floats query[Q][D];
    for (int64_t q = 0; q < Q; ++q)
        for (int64_t d = 0; d < D; ++d) query[q][d] = load<Floats>(queries[q] + d * LANES);
    for (int64_t i = 0; i < count; ++i) {
        Floats key[D];
        for (int64_t d = 0; d < D; ++d) key[d] = load_floats(keys[i] + d * LANES);
        for (int64_t q = 0; q < Q; ++q) {
            Floats products = query[q][0] * key[0];
            for (int64_t d = 1; d < D; ++d) products += query[q][d] * key[d];
            scores[q][i] = sum(products) * (scale * keys.scale(i));
        }
    }
}

// out[q] += weights[q][i] * value i.
template <int64_t Q, int64_t D, typename Number>
void mix_some(const float* const* weights, const Slots<Number>& values, int64_t count, float* const* out) {
    Floats sums[Q][D];
    for (int64_t q = 0; q < Q; ++q)
        for (int64_t d = 0; d < D; ++d) sums[q][d] = load<Floats>(out[q] + d * LANES);
    for (int64_t i = 0; i < count; ++i) {
        Floats value[D];
        for (int64_t d = 0; d < D; ++d) value[d] = load_floats(values[i] + d * LANES) * values.scale(i);
        for (int64_t q = 0; q < Q; ++q)
            for (int64_t d = 0; d < D; ++d) sums[q][d] += value[d] * weights[q][i];
    }
    for (int64_t q = 0; q < Q; ++q)
        for (int64_t d = 0; d < D; ++d) store(out[q] + d * LANES, sums[q][d]);
}

// The same for one query of any width.
template <typename Number>
void score_one(const float* query, const Slots<Number>& keys, int64_t count, float scale, float* scores) {
    for (int64_t i = 0; i < count; ++i) {
        Floats products{};
        for (int64_t d = 0; d < keys.dim; d += LANES) products += load_floats(query + d, keys.dim - d) * load_floats(keys[i] + d, keys.dim - d);
        scores[i] = sum(products) * (scale * keys.scale(i));
    }
}

template <typename Number>
void mix_one(const float* weights, const Slots<Number>& values, int64_t count, float* out) {
    for (int64_t i = 0; i < count; ++i)
        for (int64_t d = 0; d < values.dim; d += LANES) {
            const Floats more = load_floats(values[i] + d, values.dim - d) * (weights[i] * values.scale(i));
            store_floats(out + d, load_floats(out + d, values.dim - d) + more, values.dim - d);
        }
}

#if defined(__AVX512F__)
constexpr int64_t QUERIES = 24;  // registers for queries, beside those for a slot
#else
constexpr int64_t QUERIES = 8;
#endif

// act(constant Q, first) for `count` queries, as many at once as fit.
template <int64_t Q, typename Act>
void in_bunches(int64_t count, const Act& act, int64_t first = 0) {
    for (; first + Q <= count; first += Q) act(std::integral_constant<int64_t, Q>(), first);
    if constexpr (Q > 1) in_bunches<(Q + 1) / 2>(count, act, first);
}

// Scores (or, `mixing`, weighted sums) of all queries that see a run.
template <typename Number, bool mixing>
void pass(const Attention& what, const SlotRun& run) {
    const float* queries[MOST_QUERIES];
    float *scores[MOST_QUERIES], *out[MOST_QUERIES];
    const int64_t count = run.rows * what.heads;
    for (int64_t n = 0; n < count; ++n) {
        const int64_t row = run.row + n / what.heads, head = n % what.heads;
        queries[n] = what.query + row * what.query_stride + head * what.dim;
        out[n] = what.out + row * what.out_stride + head * what.dim;
        scores[n] = what.scores + (row * what.heads + head) * what.room + run.offset;
    }
    const Slots<Number> slots = slots_of<Number>(what, mixing ? what.values : what.keys, run);
    const auto wide = [&](auto depth) {
        constexpr int64_t D = decltype(depth)::value;
        in_bunches<(QUERIES / D > 1 ? QUERIES / D : 1)>(count, [&](auto bunch, int64_t start) {
            constexpr int64_t Q = decltype(bunch)::value;
            if constexpr (mixing) mix_some<Q, D>(scores + start, slots, run.count, out + start);
            else score_some<Q, D>(queries + start, slots, run.count, what.scale, scores + start);
        });
    };
    if (what.dim == 64) return wide(std::integral_constant<int64_t, 64 / LANES>());
    if (what.dim == 128) return wide(std::integral_constant<int64_t, 128 / LANES>());
    for (int64_t n = 0; n < count; ++n) {
        if constexpr (mixing) mix_one(scores[n], slots, run.count, out[n]);
        else score_one(queries[n], slots, run.count, what.scale, scores[n]);
    }
}

// Scores to exponentials, with zeros for those before `hidden`, and behind the last up to a whole tile; gives one over their sum.
// `begin`, a multiple of TILE, is where scores begin.
float soften(float* scores, int64_t begin, int64_t hidden, int64_t seen) {
    constexpr float nothing = -3e38f;
    Ints lane;
    for (int32_t i = 0; i < LANES; ++i) lane[i] = i;
    const int64_t first = hidden / LANES * LANES, last = (seen - 1) / LANES * LANES;
    store(scores + last, lane < splat(static_cast<int32_t>(seen - last)) ? load<Floats>(scores + last) : splat(nothing));
    store(scores + first, lane < splat(static_cast<int32_t>(hidden - first)) ? splat(nothing) : load<Floats>(scores + first));
    Floats best = load<Floats>(scores + first);
    for (int64_t i = first + LANES; i < seen; i += LANES) best = greater(best, load<Floats>(scores + i));
    const Floats peak = splat(largest(best));
    std::fill(scores + begin, scores + first, 0.0f);
    Floats total{};
    for (int64_t i = first; i < (seen + TILE - 1) / TILE * TILE; i += LANES) {
        const Floats power = i < seen ? exponential(load<Floats>(scores + i) - peak) : Floats{};
        store(scores + i, power);
        total += power;
    }
    return 1 / sum(total);
}

// The same for a query.
float softened(const Attention& what, int64_t n) {
    const int64_t row = n / what.heads;
    return soften(what.scores + n * what.room, what.runs[0].offset, what.hidden ? what.hidden[row] : 0, what.seen[row]);
}

template <typename Number>
void attend_exactly(const Attention& what) {
    for (int64_t n = 0; n < what.run_count; ++n) pass<Number, false>(what, what.runs[n]);
    float factors[MOST_QUERIES];
    const int64_t queries = what.rows * what.heads;
    for (int64_t n = 0; n < queries; ++n) {
        factors[n] = softened(what, n);
        std::memset(what.out + n / what.heads * what.out_stride + n % what.heads * what.dim, 0, static_cast<size_t>(what.dim) * sizeof(float));
    }
    for (int64_t n = 0; n < what.run_count; ++n) pass<Number, true>(what, what.runs[n]);
    for (int64_t n = 0; n < queries; ++n) {
        float* out = what.out + n / what.heads * what.out_stride + n % what.heads * what.dim;
        for (int64_t d = 0; d < what.dim; d += LANES) store_floats(out + d, load_floats(out + d, what.dim - d) * factors[n], what.dim - d);
    }
}

#if defined(__AVX512BF16__)
#include "row_attention_pairs.h"
#endif

template <typename Number>
void attend_as(const Attention& what) {
#if defined(__AVX512BF16__)
    if constexpr (!std::is_same_v<Number, float>) {
        if (what.dim == 64) return PairAttention<Number, 64>(what).run();
        if (what.dim == 128) return PairAttention<Number, 128>(what).run();
    }
#endif
    attend_exactly<Number>(what);
}

void attend(const Attention& what) {
    if (what.kept == Kept::Float32) attend_as<float>(what);
    else if (what.kept == Kept::Bfloat16) attend_as<uint16_t>(what);
    else attend_as<int8_t>(what);
}

// One head's keys or values into a slot.
void keep_codes(const float* from, uint8_t* to, int64_t dim) {
    Floats most{};
    for (int64_t i = 0; i < dim; i += LANES) {
        const Floats part = load_floats(from + i, dim - i);
        most = greater(most, greater(part, -part));
    }
    const float peak = largest(most), scale = peak / 127, inverse = peak > 0 ? 127 / peak : 0;
    for (int64_t i = 0; i < dim; i += LANES) {
        const Floats magic = splat(12582912.0f);  // adding it rounds to the nearest whole number
        const Floats shifted = load_floats(from + i, dim - i) * inverse + magic;
        const Octets codes = __builtin_convertvector(bits_as<Ints>(shifted) - bits_as<Ints>(magic), Octets);
        std::memcpy(to + i, &codes, static_cast<size_t>(dim - i < LANES ? dim - i : LANES));
    }
    std::memcpy(to + dim, &scale, sizeof(scale));
}

void keep(const float* from, void* to, int64_t heads, int64_t dim, Kept kept) {
    const int64_t count = heads * dim;
    if (kept == Kept::Int8) {
        for (int64_t head = 0; head < heads; ++head) keep_codes(from + head * dim, static_cast<uint8_t*>(to) + head * kept_bytes(kept, dim), dim);
        return;
    }
    for (int64_t i = 0; i < count; i += LANES) {
        const Floats part = load_floats(from + i, count - i);
        if (kept == Kept::Bfloat16) store_floats(static_cast<uint16_t*>(to) + i, part, count - i);
        else store_floats(static_cast<float*>(to) + i, part, count - i);
    }
}

}  // namespace
}  // namespace guidedgen
