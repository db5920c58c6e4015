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
            factors_[n] = soften(scores(n), what_.seen[n / what_.heads]);
            std::memset(out(n), 0, DIM * sizeof(float));
        }
        for (int64_t n = 0; n < what_.run_count; ++n) {
            weigh(what_.runs[n]);
            in_bunches<QUERIES / (DIM / LANES)>(what_.runs[n].rows * what_.heads, [&](auto bunch, int64_t first) {
                mix<decltype(bunch)::value>(what_.runs[n], what_.runs[n].row * what_.heads + first);
            });
        }
        for (int64_t n = 0; n < queries; ++n) finish(n);
    }

  private:
    static constexpr int64_t WIDE = 32;  // numbers of a register of pairs

    const float* query(int64_t n) const { return what_.query + n / what_.heads * what_.query_stride + n % what_.heads * DIM; }
    float* out(int64_t n) const { return what_.out + n / what_.heads * what_.out_stride + n % what_.heads * DIM; }
    float* scores(int64_t n) const { return what_.scores + n * what_.room; }
    uint16_t* weights(int64_t n) const { return what_.weights + n * what_.room; }

    // Slots of one tile; behind the end of a run its last slot stands again, for scores that nobody reads.
    static int64_t within(const SlotRun& run, int64_t i) { return i < run.count ? i : run.count - 1; }

    // Where scales are: by slot of the tile, times a factor.
    static Floats scales(const Slots<Number>& slots, const SlotRun& run, int64_t start, float factor) {
        Floats found = splat(factor);
        if constexpr (std::is_same_v<Number, int8_t>)
            for (int64_t i = 0; i < TILE; ++i) found[i] = factor * slots.scale(within(run, start + i));
        return found;
    }

    void score(const SlotRun& run) {
        const Slots<Number> keys = slots_of<Number>(what_, what_.keys, run);
        __m512i turned[DIM / 2];
        for (int64_t start = 0; start < run.count; start += TILE) {
            for (int64_t part = 0; part < DIM / WIDE; ++part) {
                __m512i rows[TILE];
                for (int64_t i = 0; i < TILE; ++i) rows[i] = as_pairs(keys[within(run, start + i)] + part * WIDE);
                turn_over(rows);
                for (int64_t i = 0; i < TILE; ++i) turned[part * TILE + i] = rows[i];
            }
            const Floats factors = scales(keys, run, start, what_.scale);
            in_bunches<8>(run.rows * what_.heads, [&](auto bunch, int64_t first) {
                constexpr int64_t Q = decltype(bunch)::value;
                const int64_t n = run.row * what_.heads + first;
                __m512 sums[Q];
                for (int64_t q = 0; q < Q; ++q) sums[q] = _mm512_setzero_ps();
                for (int64_t d = 0; d < DIM / 2; ++d)
                    for (int64_t q = 0; q < Q; ++q) sums[q] = dot_pairs(sums[q], turned[d], queries_[n + q] + 2 * d);
                for (int64_t q = 0; q < Q; ++q) store(scores(n + q) + run.offset + start, bits_as<Floats>(sums[q]) * factors);
            });
        }
    }

    // Weights of a run in bfloat16, with the scales of its values; zeros behind its end, up to a whole tile.
    void weigh(const SlotRun& run) {
        const Slots<Number> values = slots_of<Number>(what_, what_.values, run);
        for (int64_t start = 0; start < run.count; start += TILE) {
            const Floats factors = scales(values, run, start, 1);
            for (int64_t n = run.row * what_.heads; n < (run.row + run.rows) * what_.heads; ++n)
                store_floats(weights(n) + run.offset + start, load_floats(scores(n) + run.offset + start, run.count - start) * factors);
        }
    }

    template <int64_t Q>
    void mix(const SlotRun& run, int64_t n) {
        const Slots<Number> values = slots_of<Number>(what_, what_.values, run);
        __m512 sums[Q][DIM / LANES];
        for (int64_t q = 0; q < Q; ++q)
            for (int64_t d = 0; d < DIM / LANES; ++d) sums[q][d] = _mm512_loadu_ps(out(n + q) + d * LANES);
        const uint16_t* given[Q];
        for (int64_t q = 0; q < Q; ++q) given[q] = weights(n + q) + run.offset;
        for (int64_t i = 0; i < run.count; i += 2)
            for (int64_t part = 0; part < DIM / WIDE; ++part) {
                const __m512i old = as_pairs(values[i] + part * WIDE), young = as_pairs(values[within(run, i + 1)] + part * WIDE);
                const __m512i low = _mm512_unpacklo_epi16(old, young), high = _mm512_unpackhi_epi16(old, young);
                for (int64_t q = 0; q < Q; ++q) {
                    sums[q][2 * part] = dot_pairs(sums[q][2 * part], low, given[q] + i);
                    sums[q][2 * part + 1] = dot_pairs(sums[q][2 * part + 1], high, given[q] + i);
                }
            }
        for (int64_t q = 0; q < Q; ++q)
            for (int64_t d = 0; d < DIM / LANES; ++d) _mm512_storeu_ps(out(n + q) + d * LANES, sums[q][d]);
    }

    // Sums stand as unpacking has left them, four numbers of every eight in one register, the other four in the next.
    void finish(int64_t n) {
        float mixed[DIM];
        std::memcpy(mixed, out(n), sizeof(mixed));
        for (int64_t from = 0; from < DIM; from += 4) {
            const int64_t part = from / WIDE, other = from % WIDE / LANES, lane = from % LANES / 4;
            for (int64_t i = 0; i < 4; ++i) out(n)[part * WIDE + lane * 8 + other * 4 + i] = mixed[from + i] * factors_[n];
        }
    }

    const Attention& what_;
    alignas(64) uint16_t queries_[MOST_QUERIES][DIM];
    float factors_[MOST_QUERIES];
};
