// Attention by products of pairs of bfloat16 (AVX512-BF16): keys of sixteen slots are turned so that a register holds the same two
// numbers of each, and values of two slots are laid beside each other. Codes of eight bits are exact in bfloat16; their scales go to
// the scores and to the weights. Queries and weights are rounded to bfloat16, as torch does. Included by row_attention_body.h.
#pragma once

inline __m512i as_pairs(const uint16_t* from) { return _mm512_loadu_si512(from); }

inline __m512i as_pairs(const int8_t* from) {
    const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
    const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16))));
    return bits_as<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

inline __m512 dot_pairs(__m512 sums, __m512i a, const uint16_t* pair) {
    uint32_t two;
    std::memcpy(&two, pair, sizeof(two));
    return _mm512_dpbf16_ps(sums, bits_as<__m512bh>(a), bits_as<__m512bh>(_mm512_set1_epi32(static_cast<int32_t>(two))));
}

// Sixteen rows of sixteen words become sixteen columns.
inline void turn_over(__m512i (&rows)[16]) {
    __m512i half[16];
    for (int64_t i = 0; i < 16; i += 4) {
        const __m512i a = _mm512_unpacklo_epi32(rows[i], rows[i + 1]), b = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
        const __m512i c = _mm512_unpacklo_epi32(rows[i + 2], rows[i + 3]), d = _mm512_unpackhi_epi32(rows[i + 2], rows[i + 3]);
        half[i] = _mm512_unpacklo_epi64(a, c);
        half[i + 1] = _mm512_unpackhi_epi64(a, c);
        half[i + 2] = _mm512_unpacklo_epi64(b, d);
        half[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    for (int64_t j = 0; j < 4; ++j) {  // half[4g + j] holds words j, 4 + j, 8 + j, 12 + j of rows 4g to 4g + 3
        const __m512i a = _mm512_shuffle_i32x4(half[j], half[4 + j], 0x88), b = _mm512_shuffle_i32x4(half[j], half[4 + j], 0xdd);
        const __m512i c = _mm512_shuffle_i32x4(half[8 + j], half[12 + j], 0x88), d = _mm512_shuffle_i32x4(half[8 + j], half[12 + j], 0xdd);
        rows[j] = _mm512_shuffle_i32x4(a, c, 0x88);
        rows[8 + j] = _mm512_shuffle_i32x4(a, c, 0xdd);
        rows[4 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
        rows[12 + j] = _mm512_shuffle_i32x4(b, d, 0xdd);
    }
}

template <typename Number, int64_t DIM>
class PairAttention {
  public:
    explicit PairAttention(const Attention& what) : what_(what) {}

    void run() {
        const int64_t queries = what_.rows * what_.heads;
        for (int64_t n = 0; n < queries; ++n)
            for (int64_t d = 0; d < DIM; d += LANES) store_floats(queries_[n] + d, load<Floats>(query(n) + d));
        for (int64_t n = 0; n < what_.run_count; ++n) score(what_.runs[n]);
        for (int64_t n = 0; n < queries; ++n) {
            factors_[n] = softened(what_, n);
            std::memset(out(n), 0, DIM * sizeof(float));
        }
        for (int64_t n = 0; n < what_.run_count; ++n) mix(what_.runs[n]);
        for (int64_t n = 0; n < queries; ++n) finish(n);
    }

  private:
    static constexpr int64_t WIDE = 32;   // numbers of a register of pairs
    static constexpr int64_t TILES = 4;   // tiles whose keys or values are laid ready at once
    static constexpr int64_t PASSED = 12;  // most queries that pass over keys at once; with two tiles their sums fill the registers

    const float* query(int64_t n) const { return what_.query + n / what_.heads * what_.query_stride + n % what_.heads * DIM; }
    float* out(int64_t n) const { return what_.out + n / what_.heads * what_.out_stride + n % what_.heads * DIM; }
    float* scores(int64_t n) const { return what_.scores + n * what_.room; }

    // Slots of one tile; behind the end of a run its last slot stands again, for scores that nobody reads.
    static int64_t within(const SlotRun& run, int64_t i) { return i < run.count ? i : run.count - 1; }

    // Where scales are: by slot of the tile, times a factor.
    static Floats scales(const Slots<Number>& slots, const SlotRun& run, int64_t start, float factor) {
        Floats found = splat(factor);
        if constexpr (std::is_same_v<Number, int8_t>)
            for (int64_t i = 0; i < TILE; ++i) found[i] = factor * slots.scale(within(run, start + i));
        return found;
    }

    // The numbers of some slots, from memory: a step reads more weights than a cache holds between two looks at a slot.
    static void ask(const Slots<Number>& slots, const SlotRun& run, int64_t start) {
        const int64_t end = std::min(run.count, start + TILES * TILE);
        for (int64_t i = start; i < end; ++i)
            for (int64_t byte = 0; byte < DIM * static_cast<int64_t>(sizeof(Number)); byte += 64)
                __builtin_prefetch(reinterpret_cast<const uint8_t*>(slots[i]) + byte);
    }

    void score(const SlotRun& run) {
        const Slots<Number> keys = slots_of<Number>(what_, what_.keys, run);
        ask(keys, run, 0);
        for (int64_t start = 0; start < run.count; start += TILES * TILE) {
            ask(keys, run, start + TILES * TILE);
            const int64_t tiles = std::min(TILES, (run.count - start + TILE - 1) / TILE);
            Floats factors[TILES];
            for (int64_t tile = 0; tile < tiles; ++tile) {
                turn(keys, run, start + tile * TILE, laid_ + tile * DIM / 2);
                factors[tile] = scales(keys, run, start + tile * TILE, what_.scale);
            }
            in_bunches<PASSED>(run.rows * what_.heads, [&](auto bunch, int64_t first) {
                constexpr int64_t Q = decltype(bunch)::value;
                const int64_t n = run.row * what_.heads + first;
                in_bunches<(Q > PASSED / 2 ? 2 : TILES)>(tiles, [&](auto beside, int64_t tile) {
                    score_tiles<Q, decltype(beside)::value>(n, laid_ + tile * DIM / 2, factors + tile, run.offset + start + tile * TILE);
                });
            });
        }
    }

    // A tile of keys so that a register holds two numbers of each of its slots.
    static void turn(const Slots<Number>& keys, const SlotRun& run, int64_t start, __m512i* to) {
        for (int64_t part = 0; part < DIM / WIDE; ++part) {
            __m512i rows[TILE];
            for (int64_t i = 0; i < TILE; ++i) rows[i] = as_pairs(keys[within(run, start + i)] + part * WIDE);
            turn_over(rows);
            for (int64_t i = 0; i < TILE; ++i) to[part * TILE + i] = rows[i];
        }
    }

    template <int64_t Q, int64_t T>
    void score_tiles(int64_t n, const __m512i* turned, const Floats* factors, int64_t place) const {
        __m512 sums[Q][T];
#pragma GCC unroll 16
        for (int64_t q = 0; q < Q; ++q)
#pragma GCC unroll 16
            for (int64_t t = 0; t < T; ++t) sums[q][t] = _mm512_setzero_ps();
        for (int64_t d = 0; d < DIM / 2; ++d)
#pragma GCC unroll 16
            for (int64_t q = 0; q < Q; ++q)
#pragma GCC unroll 16
                for (int64_t t = 0; t < T; ++t) sums[q][t] = dot_pairs(sums[q][t], turned[t * DIM / 2 + d], queries_[n + q] + 2 * d);
#pragma GCC unroll 16
        for (int64_t q = 0; q < Q; ++q)
#pragma GCC unroll 16
            for (int64_t t = 0; t < T; ++t) store(scores(n + q) + place + t * TILE, bits_as<Floats>(sums[q][t]) * factors[t]);
    }

    void mix(const SlotRun& run) {
        const Slots<Number> values = slots_of<Number>(what_, what_.values, run);
        const int64_t queries = run.rows * what_.heads, n = run.row * what_.heads;
        ask(values, run, 0);
        for (int64_t start = 0; start < run.count; start += TILES * TILE) {
            ask(values, run, start + TILES * TILE);
            const int64_t slots = std::min(TILES * TILE, run.count - start);
            for (int64_t tile = 0; tile < slots; tile += TILE) {
                const Floats factors = scales(values, run, start + tile, 1);
                for (int64_t q = 0; q < queries; ++q)
                    store_floats(weights_[q] + tile, load<Floats>(scores(n + q) + run.offset + start + tile) * factors);
            }
            for (int64_t i = 0; i < slots; i += 2) lay(values, run, start + i, laid_ + i / 2 * (DIM / LANES));
            in_bunches<QUERIES / (DIM / LANES)>(queries, [&](auto bunch, int64_t first) {
                mix_laid<decltype(bunch)::value>(n + first, first, (slots + 1) / 2);
            });
        }
    }

    // Values of two slots beside each other.
    static void lay(const Slots<Number>& values, const SlotRun& run, int64_t i, __m512i* to) {
        const Number *old = values[i], *young = values[within(run, i + 1)];
        for (int64_t part = 0; part < DIM / WIDE; ++part) {
            const __m512i first = as_pairs(old + part * WIDE), second = as_pairs(young + part * WIDE);
            to[2 * part] = _mm512_unpacklo_epi16(first, second);
            to[2 * part + 1] = _mm512_unpackhi_epi16(first, second);
        }
    }

    template <int64_t Q>
    void mix_laid(int64_t n, int64_t first, int64_t pairs) const {
        constexpr int64_t D = DIM / LANES;
        __m512 sums[Q][D];
#pragma GCC unroll 16
        for (int64_t q = 0; q < Q; ++q)
#pragma GCC unroll 16
            for (int64_t d = 0; d < D; ++d) sums[q][d] = _mm512_loadu_ps(out(n + q) + d * LANES);
        const uint16_t* given = weights_[first];
        const __m512i* laid = laid_;
        for (int64_t i = 0; i < pairs; ++i, laid += D, given += 2)
#pragma GCC unroll 16
            for (int64_t q = 0; q < Q; ++q)
#pragma GCC unroll 16
                for (int64_t d = 0; d < D; ++d) sums[q][d] = dot_pairs(sums[q][d], laid[d], given + q * (TILES * TILE));
#pragma GCC unroll 16
        for (int64_t q = 0; q < Q; ++q)
#pragma GCC unroll 16
            for (int64_t d = 0; d < D; ++d) _mm512_storeu_ps(out(n + q) + d * LANES, sums[q][d]);
    }

    // Sums stand as unpacking has left them, four numbers of every eight in one register, the other four in the next.
    void finish(int64_t n) const {
        const __m512i lows = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), highs = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
        for (float* to = out(n); to < out(n) + DIM; to += WIDE) {
            const __m512d even = load<__m512d>(to), odd = load<__m512d>(to + LANES);
            store(to, bits_as<Floats>(_mm512_permutex2var_pd(even, lows, odd)) * factors_[n]);
            store(to + LANES, bits_as<Floats>(_mm512_permutex2var_pd(even, highs, odd)) * factors_[n]);
        }
    }

    const Attention& what_;
    float factors_[MOST_QUERIES];
    alignas(64) uint16_t queries_[MOST_QUERIES][DIM];
    alignas(64) uint16_t weights_[MOST_QUERIES][TILES * TILE];
    __m512i laid_[TILES * DIM / 2];  // keys of some tiles, turned, and later values
};
