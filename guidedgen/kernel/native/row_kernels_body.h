// The functions of a table of row kernels, compiled once for each kind of processor with that processor's own instructions. What
// differs is below: products of bytes (`dot4`) and of pairs of bfloat16 (`dot2`).
#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <type_traits>

#include "lanes.h"
#include "row_choice_body.h"
#include "row_kernels.h"

namespace guidedgen {
namespace {

// sum[i] + weights[4i .. 4i+3] * row[0 .. 3]: unsigned bytes times signed ones. Exact, and so the same everywhere.
inline Ints dot4(Ints sums, const void* weights, const int8_t* row) {
    int32_t four;
    std::memcpy(&four, row, 4);
#if defined(__AVX512VNNI__)
    return bits_as<Ints>(_mm512_dpbusd_epi32(bits_as<__m512i>(sums), load<__m512i>(weights), _mm512_set1_epi32(four)));
#elif defined(__AVX2__)
    const __m256i given = _mm256_set1_epi32(four), codes = load<__m256i>(weights);
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(codes, _mm256_set1_epi16(255)), _mm256_srai_epi16(_mm256_slli_epi16(given, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(codes, 8), _mm256_srai_epi16(given, 8));
    return sums + bits_as<Ints>(even) + bits_as<Ints>(odd);
#elif defined(__SSE2__)
    const __m128i given = _mm_set1_epi32(four), codes = load<__m128i>(weights);
    const __m128i even = _mm_madd_epi16(_mm_and_si128(codes, _mm_set1_epi16(255)), _mm_srai_epi16(_mm_slli_epi16(given, 8), 8));
    const __m128i odd = _mm_madd_epi16(_mm_srli_epi16(codes, 8), _mm_srai_epi16(given, 8));
    return sums + bits_as<Ints>(even) + bits_as<Ints>(odd);
#else
    const Words codes = load<Words>(weights);
    for (int i = 0; i < 4; ++i) sums += bits_as<Ints>((codes >> (8 * i)) & 255) * static_cast<int32_t>(row[i]);
    return sums;
#endif
}

// sum[i] + weights[2i] * row[0] + weights[2i+1] * row[1], all of them bfloat16.
inline Floats dot2(Floats sums, Words weights, const uint16_t* row) {
    uint32_t two;
    std::memcpy(&two, row, 4);
#if defined(__AVX512BF16__)
    return bits_as<Floats>(_mm512_dpbf16_ps(bits_as<__m512>(sums), bits_as<__m512bh>(weights),
                                            bits_as<__m512bh>(_mm512_set1_epi32(static_cast<int32_t>(two)))));
#else
    sums += bits_as<Floats>(weights << 16) * bits_as<float>(two << 16);
    return sums + bits_as<Floats>(weights & 0xffff0000u) * bits_as<float>(two & 0xffff0000u);
#endif
}

inline Floats halves(const uint16_t* from) {
#if defined(__AVX512F__)
    return bits_as<Floats>(_mm512_maskz_cvtph_ps(0xffff, load<__m256i>(from)));
#elif defined(__F16C__)
    return bits_as<Floats>(_mm256_cvtph_ps(load<__m128i>(from)));
#else
    return from_half(load<Shorts>(from));
#endif
}

// A column is one register's part of a panel's outputs.
constexpr int64_t COLUMNS = PANEL / LANES;  // of a panel
constexpr int64_t BESIDE = 2;               // columns that are multiplied with the same rows at once
#if defined(__AVX512F__)
constexpr int64_t ROWS = 8, SUMS = 16;  // most rows at once, and sums that stay in registers
#else
constexpr int64_t ROWS = 4, SUMS = 8;
#endif

// Weights are asked for before they are needed: the sums keep the processor from looking ahead by itself. Each pass of rows over some
// panels asks for its part of the next ones, so that memory never rests.
struct Ahead {
    int64_t passes, pass;

    int64_t bytes(int64_t column, int64_t size) const {
        const int64_t panels = BESIDE > COLUMNS ? BESIDE / COLUMNS : 1;
        return column / COLUMNS % panels % passes == pass ? panels * size : 0;
    }
};

struct Product {
    const MatrixView& matrix;
    const RowsView& rows;
    float* out;
    int64_t stride;
    bool add;
    Ahead ahead;
};

template <int64_t R>
inline void finish(const Product& what, const Floats (&sums)[R], int64_t row, int64_t column) {
    const int64_t first = column * LANES, count = what.matrix.outputs - first;
    if (count <= 0) return;
    for (int64_t r = 0; r < R; ++r) {
        float* to = what.out + (row + r) * what.stride + first;
        Floats result = sums[r];
        if (what.matrix.bias) result += load<Floats>(what.matrix.bias + first);
        if (what.add) result += load_floats(to, count);
        store_floats(to, result, count);
    }
}

// Several columns side by side: one row's chain of additions alone would wait for itself.
template <int64_t R, int64_t P>
inline void exact_columns(const Product& what, int64_t row, int64_t column) {
    const bool brief = what.matrix.format == Format::Bfloat16;
    const int64_t width = what.matrix.width, steps = brief ? width / 2 : width;
    constexpr int64_t step = PANEL * 4;  // bytes
    const uint8_t* codes[P];
    int64_t further[P];
    for (int64_t p = 0; p < P; ++p) {
        codes[p] = what.matrix.codes + (column + p) / COLUMNS * steps * step + (column + p) % COLUMNS * LANES * 4;
        further[p] = what.ahead.bytes(column + p, steps * step);
    }
    Floats sums[P][R] = {};
    if (brief) {
        const uint16_t* data = reinterpret_cast<const uint16_t*>(what.rows.data) + row * width;
        for (int64_t k = 0; k < steps; ++k)
            for (int64_t p = 0; p < P; ++p) {
                const Words weights = load<Words>(codes[p] + k * step);
                __builtin_prefetch(codes[p] + k * step + further[p], 0, 2);
                for (int64_t r = 0; r < R; ++r) sums[p][r] = dot2(sums[p][r], weights, data + r * width + 2 * k);
            }
    } else {
        const float* data = reinterpret_cast<const float*>(what.rows.data) + row * width;
        for (int64_t k = 0; k < steps; ++k)
            for (int64_t p = 0; p < P; ++p) {
                const Floats weights = load<Floats>(codes[p] + k * step);
                __builtin_prefetch(codes[p] + k * step + further[p], 0, 2);
                for (int64_t r = 0; r < R; ++r) sums[p][r] += weights * data[r * width + k];
            }
    }
    for (int64_t p = 0; p < P; ++p) finish<R>(what, sums[p], row, column + p);
}

// Whole numbers inside a group, scaled group by group: weight = code * scale, or code * scale + offset.
template <int64_t R, bool four>
inline void coded_column(const Product& what, int64_t row, int64_t column) {
    const int64_t width = what.matrix.width, groups = what.matrix.groups(), panel = column / COLUMNS, part = column % COLUMNS * LANES;
    constexpr int64_t step = PANEL * 4, kinds = four ? 2 : 1;
    const int64_t size = width * PANEL / kinds, further = what.ahead.bytes(column, size);
    const uint8_t* codes = what.matrix.codes + panel * size + part * 4;
    const uint16_t* scales = what.matrix.scales + panel * groups * PANEL * kinds + part;
    const int8_t* data = reinterpret_cast<const int8_t*>(what.rows.data) + row * width;
    Floats sums[R] = {};
    for (int64_t g = 0; g < groups; ++g, data += GROUP, scales += PANEL * kinds) {
        Ints whole[R];
        for (int64_t r = 0; r < R; ++r) whole[r] = four ? Ints{} : splat(what.rows.shift[(row + r) * groups + g]);
        for (int64_t k = 0; k < GROUP; k += four ? 8 : 4, codes += step) {
            __builtin_prefetch(codes + further, 0, 2);
            if (four) {
                const Words both = load<Words>(codes), low = both & 0x0f0f0f0fu, high = (both >> 4) & 0x0f0f0f0fu;
                for (int64_t r = 0; r < R; ++r) {
                    whole[r] = dot4(whole[r], &low, data + r * width + k);
                    whole[r] = dot4(whole[r], &high, data + r * width + k + 4);
                }
            } else {
                for (int64_t r = 0; r < R; ++r) whole[r] = dot4(whole[r], codes, data + r * width + k);
            }
        }
        const Floats scale = halves(scales), offset = four ? halves(scales + PANEL) : Floats{};
        for (int64_t r = 0; r < R; ++r) {
            const int64_t place = (row + r) * groups + g;
            sums[r] += __builtin_convertvector(whole[r], Floats) * (scale * what.rows.scales[place]);
            if (four) sums[r] += offset * what.rows.sums[place];
        }
    }
    finish<R>(what, sums, row, column);
}

template <int64_t R>
inline void columns_of(const Product& what, int64_t row, int64_t first, int64_t last) {
    constexpr int64_t beside = R * BESIDE <= SUMS ? BESIDE : 1;
    int64_t column = first;
    if (what.matrix.format == Format::Int8) {
        for (; column < last; ++column) coded_column<R, false>(what, row, column);
    } else if (what.matrix.format == Format::Int4) {
        for (; column < last; ++column) coded_column<R, true>(what, row, column);
    }
    for (; column + beside <= last; column += beside) exact_columns<R, beside>(what, row, column);
    for (; column < last; ++column) exact_columns<R, 1>(what, row, column);
}

// Rows in bunches of R, then of half as many, down to one.
template <int64_t R>
inline void rows_by(Product what, int64_t row, int64_t count, int64_t first, int64_t last) {
    for (; row + R <= count; row += R, ++what.ahead.pass) columns_of<R>(what, row, first, last);
    if constexpr (R > 1) rows_by<R / 2>(what, row, count, first, last);
}

// A few columns at a time, which stay in the cache while all rows pass.
void multiply(const MatrixView& matrix, const RowsView& rows, int64_t count, int64_t first, int64_t last, float* out, int64_t stride, bool add) {
    int64_t passes = count / ROWS;
    for (int64_t rest = count % ROWS; rest; rest &= rest - 1) ++passes;
    const int64_t end = last * COLUMNS;
    for (int64_t column = first * COLUMNS; column < end; column += BESIDE)
        rows_by<ROWS>({matrix, rows, out, stride, add, {passes, 0}}, 0, count, column, column + BESIDE < end ? column + BESIDE : end);
}

void prepare_codes(const float* from, int64_t inputs, int64_t width, const RowsView& to, int64_t row) {
    const int64_t groups = width / GROUP;
    int8_t* codes = reinterpret_cast<int8_t*>(to.data) + row * width;
    constexpr int64_t parts = GROUP / LANES;
    for (int64_t g = 0; g < groups; ++g) {
        Floats part[parts], most{};
        for (int64_t i = 0; i < parts; ++i) {
            const int64_t start = g * GROUP + i * LANES, left = inputs - start;
            part[i] = left > 0 ? load_floats(from + start, left) : Floats{};
            most = greater(most, greater(part[i], -part[i]));
        }
        const float peak = largest(most), scale = peak / 127, inverse = peak > 0 ? 127 / peak : 0;
        Floats total{};
        for (int64_t i = 0; i < parts; ++i) {
            const Floats magic = splat(12582912.0f);  // adding it rounds to the nearest whole number
            const Floats shifted = part[i] * inverse + magic;
            store(codes + g * GROUP + i * LANES, __builtin_convertvector(bits_as<Ints>(shifted) - bits_as<Ints>(magic), Octets));
            total += shifted - magic;
        }
        const int64_t place = row * groups + g;
        const float whole = sum(total);  // exact: far below 2^24
        to.scales[place] = scale;
        to.sums[place] = scale * whole;
        to.shift[place] = -128 * static_cast<int32_t>(whole);
    }
}

template <typename Number>
void prepare_numbers(const float* from, int64_t inputs, int64_t width, const RowsView& to, int64_t row) {
    Number* data = reinterpret_cast<Number*>(to.data) + row * width;
    for (int64_t start = 0; start < width; start += LANES) {
        const int64_t left = inputs - start;
        store_floats(data + start, left > 0 ? load_floats(from + start, left) : Floats{});
    }
}

void prepare(Format format, const float* from, int64_t inputs, int64_t width, const RowsView& to, int64_t row) {
    if (format == Format::Float32) return prepare_numbers<float>(from, inputs, width, to, row);
    if (format == Format::Bfloat16) return prepare_numbers<uint16_t>(from, inputs, width, to, row);
    prepare_codes(from, inputs, width, to, row);
}

void norm(const float* from, const float* weight, int64_t count, float epsilon, float* to) {
    Floats squares{};
    for (int64_t i = 0; i < count; i += LANES) {
        const Floats part = load_floats(from + i, count - i);
        squares += part * part;
    }
    const float scale = 1 / __builtin_sqrtf(sum(squares) / static_cast<float>(count) + epsilon);
    for (int64_t i = 0; i < count; i += LANES)
        store_floats(to + i, load_floats(from + i, count - i) * scale * load_floats(weight + i, count - i), count - i);
}

void rotate(float* heads, int64_t count, int64_t dim, const float* cosines, const float* sines) {
    const int64_t half = dim / 2;
    for (float* head = heads; head < heads + count * dim; head += dim)
        for (int64_t i = 0; i < half; ++i) {
            const float low = head[i], high = head[i + half];
            head[i] = low * cosines[i] + high * sines[i];
            head[i + half] = high * cosines[i + half] + low * sines[i + half];
        }
}

void keep(const float* from, void* to, int64_t count, bool brief) {
    for (int64_t i = 0; i < count; i += LANES) {
        const Floats part = load_floats(from + i, count - i);
        if (brief) store_floats(static_cast<uint16_t*>(to) + i, part, count - i);
        else store_floats(static_cast<float*>(to) + i, part, count - i);
    }
}

// `count` slots of one key head.
template <typename Number>
struct SlotList {
    const Number* first;
    int64_t stride;
    const int64_t* slots;
    int64_t count;

    const Number* operator[](int64_t i) const { return first + slots[i] * stride; }
};

// Q queries at once over slots of D registers: what is read of a slot serves all of them. scores[q][i] = query q . key i.
template <int64_t Q, int64_t D, typename Number>
void score_some(const float* const* queries, const SlotList<Number>& keys, float scale, float* const* scores) {
    Floats query[Q][D];
    for (int64_t q = 0; q < Q; ++q)
        for (int64_t d = 0; d < D; ++d) query[q][d] = load<Floats>(queries[q] + d * LANES);
    for (int64_t i = 0; i < keys.count; ++i) {
        Floats key[D];
        for (int64_t d = 0; d < D; ++d) key[d] = load_floats(keys[i] + d * LANES);
        for (int64_t q = 0; q < Q; ++q) {
            Floats products = query[q][0] * key[0];
            for (int64_t d = 1; d < D; ++d) products += query[q][d] * key[d];
            scores[q][i] = sum(products) * scale;
        }
    }
}

// out[q] += weights[q][i] * value i.
template <int64_t Q, int64_t D, typename Number>
void mix_some(const float* const* weights, const SlotList<Number>& values, float* const* out) {
    Floats sums[Q][D];
    for (int64_t q = 0; q < Q; ++q)
        for (int64_t d = 0; d < D; ++d) sums[q][d] = load<Floats>(out[q] + d * LANES);
    for (int64_t i = 0; i < values.count; ++i) {
        Floats value[D];
        for (int64_t d = 0; d < D; ++d) value[d] = load_floats(values[i] + d * LANES);
        for (int64_t q = 0; q < Q; ++q)
            for (int64_t d = 0; d < D; ++d) sums[q][d] += value[d] * weights[q][i];
    }
    for (int64_t q = 0; q < Q; ++q)
        for (int64_t d = 0; d < D; ++d) store(out[q] + d * LANES, sums[q][d]);
}

// The same for one query of any width.
template <typename Number>
void score_one(const float* query, const SlotList<Number>& keys, int64_t dim, float scale, float* scores) {
    for (int64_t i = 0; i < keys.count; ++i) {
        Floats products{};
        for (int64_t d = 0; d < dim; d += LANES) products += load_floats(query + d, dim - d) * load_floats(keys[i] + d, dim - d);
        scores[i] = sum(products) * scale;
    }
}

template <typename Number>
void mix_one(const float* weights, const SlotList<Number>& values, int64_t dim, float* out) {
    for (int64_t i = 0; i < values.count; ++i)
        for (int64_t d = 0; d < dim; d += LANES) {
            const Floats more = load_floats(values[i] + d, dim - d) * weights[i];
            store_floats(out + d, load_floats(out + d, dim - d) + more, dim - d);
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

template <typename Number, typename Act>
void over_slots(const Attention& what, const void* memory, int64_t row, const Act& act) {
    const Number* first = static_cast<const Number*>(memory);
    if (row < 0) act(SlotList<Number>{first, what.slot_stride, what.context, what.contexts});
    else act(SlotList<Number>{first, what.slot_stride, what.own + what.own_first[row], what.own_first[row + 1] - what.own_first[row]});
}

// Scores (or, `mixing`, weighted sums) of queries [first, first + count) over the context (row < 0) or a row's own slots.
template <typename Number, bool mixing>
void pass(const Attention& what, int64_t row, int64_t first, int64_t count) {
    const float* queries[MOST_QUERIES];
    float *scores[MOST_QUERIES], *out[MOST_QUERIES];
    for (int64_t n = 0; n < count; ++n) {
        const int64_t own_row = (first + n) / what.heads, head = (first + n) % what.heads;
        queries[n] = what.query + own_row * what.query_stride + head * what.dim;
        out[n] = what.out + own_row * what.out_stride + head * what.dim;
        scores[n] = what.scores + (first + n) * what.room + (row < 0 ? 0 : what.contexts);
    }
    over_slots<Number>(what, mixing ? what.values : what.keys, row, [&](const SlotList<Number>& slots) {
        const auto wide = [&](auto depth) {
            constexpr int64_t D = decltype(depth)::value;
            in_bunches<(QUERIES / D > 1 ? QUERIES / D : 1)>(count, [&](auto bunch, int64_t start) {
                constexpr int64_t Q = decltype(bunch)::value;
                if constexpr (mixing) mix_some<Q, D>(scores + start, slots, out + start);
                else score_some<Q, D>(queries + start, slots, what.scale, scores + start);
            });
        };
        if (what.dim == 64) return wide(std::integral_constant<int64_t, 64 / LANES>());
        if (what.dim == 128) return wide(std::integral_constant<int64_t, 128 / LANES>());
        for (int64_t n = 0; n < count; ++n) {
            if constexpr (mixing) mix_one(scores[n], slots, what.dim, out[n]);
            else score_one(queries[n], slots, what.dim, what.scale, scores[n]);
        }
    });
}

// Scores to exponentials; gives one over their sum.
float soften(float* scores, int64_t seen) {
    float peak = scores[0];
    for (int64_t i = 0; i + LANES <= seen; i += LANES) {
        const float most = largest(load<Floats>(scores + i));
        peak = most > peak ? most : peak;
    }
    for (int64_t i = seen / LANES * LANES; i < seen; ++i) peak = scores[i] > peak ? scores[i] : peak;
    Floats total{};
    for (int64_t i = 0; i < seen; i += LANES) {
        const int64_t count = seen - i;
        store_floats(scores + i, exponential(load_floats(scores + i, count) - peak), count);
        total += load_floats(scores + i, count);
    }
    return 1 / sum(total);
}

template <typename Number>
void attend_all(const Attention& what) {
    const int64_t heads = what.heads, queries = what.rows * heads;
    pass<Number, false>(what, -1, 0, queries);
    for (int64_t row = 0; row < what.rows; ++row) pass<Number, false>(what, row, row * heads, heads);
    float factors[MOST_QUERIES];
    for (int64_t n = 0; n < queries; ++n) {
        const int64_t row = n / heads;
        factors[n] = soften(what.scores + n * what.room, what.contexts + what.own_first[row + 1] - what.own_first[row]);
        std::memset(what.out + row * what.out_stride + n % heads * what.dim, 0, static_cast<size_t>(what.dim) * sizeof(float));
    }
    pass<Number, true>(what, -1, 0, queries);
    for (int64_t row = 0; row < what.rows; ++row) pass<Number, true>(what, row, row * heads, heads);
    for (int64_t n = 0; n < queries; ++n) {
        float* out = what.out + n / heads * what.out_stride + n % heads * what.dim;
        for (int64_t d = 0; d < what.dim; d += LANES) store_floats(out + d, load_floats(out + d, what.dim - d) * factors[n], what.dim - d);
    }
}

void attend(const Attention& what) { what.brief ? attend_all<uint16_t>(what) : attend_all<float>(what); }

void gate(const float* gate_up, int64_t count, float* to) {
    for (int64_t i = 0; i < count; i += LANES) {
        const Floats gates = load_floats(gate_up + i, count - i);
        store_floats(to + i, gates / (1.0f + exponential(-gates)) * load_floats(gate_up + count + i, count - i), count - i);
    }
}

constexpr RowKernels table(const char* name) { return {name, prepare, multiply, norm, rotate, keep, attend, gate, judge, draw}; }

}  // namespace
}  // namespace guidedgen
