// The functions of a table of row kernels, compiled once for each kind of processor with that processor's own instructions. What
// differs is below: products of bytes (`dot4`) and of pairs of bfloat16 (`dot2`).
#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <type_traits>

#include "lanes.h"
#include "row_attention_body.h"
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
// panels asks for its part of what is read after them, so that memory never rests. One row alone goes as fast as memory does, and not far
// ahead of it: one stream, which processors fetch best.
struct Ahead {
    static constexpr int64_t NEAR = 8192;
    const uint8_t* next;  // what is read after the panels that are multiplied now
    int64_t passes, pass;

    // Where what is asked for lies behind `codes` of a column, the `number`-th of those multiplied now, in panels of that size; 0 for nothing.
    template <int64_t R>
    int64_t bytes(const uint8_t* codes, int64_t number, int64_t size) const {
        if (R == 1 && passes == 1) return NEAR;
        const int64_t panel = number / COLUMNS;
        return panel % passes == pass ? next + panel * size + number % COLUMNS * LANES * 4 - codes : 0;
    }
};

struct Product {
    const MatrixView& matrix;
    const RowsView& rows;
    float* out;
    int64_t stride;
    bool add;
    int64_t first, last;  // columns
    Ahead ahead;
};

inline const uint8_t* codes_of(const MatrixView& matrix, int64_t column) {
    return matrix.data + column / COLUMNS * matrix.panel_bytes() + column % COLUMNS * LANES * 4;
}

// Sums of columns side by side go out. Loops over them have to vanish, or GCC keeps the sums in memory.
template <int64_t R, int64_t P>
inline void finish(const Product& what, const Floats (&sums)[P][R], int64_t row, int64_t column) {
    const int64_t first = column * LANES, count = what.matrix.outputs - first;
    float* to = what.out + row * what.stride + first;
    const float* bias = what.matrix.bias ? what.matrix.bias + first : nullptr;
    const auto out = [&](const Floats& sum, int64_t r, int64_t p, int64_t left) {
        float* place = to + r * what.stride + p * LANES;
        Floats result = sum;
        if (bias) result += load<Floats>(bias + p * LANES);
        if (what.add) result += load_floats(place, left);
        store_floats(place, result, left);
    };
    const bool whole = count >= P * LANES;
#pragma GCC unroll 16
    for (int64_t r = 0; r < R; ++r)
#pragma GCC unroll 16
        for (int64_t p = 0; p < P; ++p) {
            if (whole) out(sums[p][r], r, p, LANES);
            else if (count > p * LANES) out(sums[p][r], r, p, count - p * LANES);
        }
}

// Several columns side by side: few rows' chains of additions alone would wait for themselves.
template <int64_t R, int64_t P>
inline void exact_columns(const Product& what, int64_t row, int64_t column) {
    const bool brief = what.matrix.format == Format::Bfloat16;
    const int64_t width = what.matrix.width, steps = brief ? width / 2 : width, size = what.matrix.panel_bytes();
    constexpr int64_t step = PANEL * 4;  // bytes
    const uint8_t* codes[P];
    int64_t further[P];
    for (int64_t p = 0; p < P; ++p) {
        codes[p] = codes_of(what.matrix, column + p);
        further[p] = what.ahead.bytes<R>(codes[p], column + p - what.first, size);
    }
    Floats sums[P][R] = {};
    if (brief) {
        const uint16_t* data = reinterpret_cast<const uint16_t*>(what.rows.data) + row * width;
        for (int64_t k = 0; k < steps; ++k)
            for (int64_t p = 0; p < P; ++p) {
                const Words weights = load<Words>(codes[p] + k * step);
                if (further[p]) __builtin_prefetch(codes[p] + k * step + further[p], 0, 3);
                for (int64_t r = 0; r < R; ++r) sums[p][r] = dot2(sums[p][r], weights, data + r * width + 2 * k);
            }
    } else {
        const float* data = reinterpret_cast<const float*>(what.rows.data) + row * width;
        for (int64_t k = 0; k < steps; ++k)
            for (int64_t p = 0; p < P; ++p) {
                const Floats weights = load<Floats>(codes[p] + k * step);
                if (further[p]) __builtin_prefetch(codes[p] + k * step + further[p], 0, 3);
                for (int64_t r = 0; r < R; ++r) sums[p][r] += weights * data[r * width + k];
            }
    }
    finish(what, sums, row, column);
}

// Whole numbers inside a group, scaled group by group: weight = code * scale, or code * scale + offset.
template <int64_t R, bool four>
inline void coded_column(const Product& what, int64_t row, int64_t column) {
    const int64_t width = what.matrix.width, groups = what.matrix.groups(), panel = column / COLUMNS, part = column % COLUMNS * LANES;
    constexpr MatrixView layout{four ? Format::Int4 : Format::Int8, 0, 0, nullptr, nullptr};
    constexpr int64_t step = PANEL * 4;
    const int64_t size = what.matrix.panel_bytes();
    const uint8_t* start = what.matrix.data + panel * size;
    const int64_t further = what.ahead.bytes<R>(start + part * 4, column - what.first, size);
    const int8_t* data = reinterpret_cast<const int8_t*>(what.rows.data) + row * width;
    Floats sums[1][R] = {};
    for (int64_t g = 0; g < groups; ++g, data += GROUP) {
        const uint8_t* codes = start + layout.codes_of(g) + part * 4;
        const uint16_t* scales = reinterpret_cast<const uint16_t*>(start + layout.scales_of(g)) + part;
        Ints whole[R];
        for (int64_t r = 0; r < R; ++r) whole[r] = four ? Ints{} : splat(what.rows.shift[(row + r) * groups + g]);
        for (int64_t k = 0; k < GROUP; k += four ? 8 : 4, codes += step) {
            __builtin_prefetch(codes + further, 0, 3);
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
        __builtin_prefetch(reinterpret_cast<const uint8_t*>(scales) + further, 0, 3);
        const Floats scale = halves(scales), offset = four ? halves(scales + PANEL) : Floats{};
        for (int64_t r = 0; r < R; ++r) {
            const int64_t place = (row + r) * groups + g;
            sums[0][r] += __builtin_convertvector(whole[r], Floats) * (scale * what.rows.scales[place]);
            if (four) sums[0][r] += offset * what.rows.sums[place];
        }
    }
    finish(what, sums, row, column);
}

template <int64_t R>
inline void columns_of(const Product& what, int64_t row) {
    constexpr int64_t beside = R == 1 ? COLUMNS : R * BESIDE <= SUMS ? BESIDE : 1;
    int64_t column = what.first;
    if (what.matrix.format == Format::Int8) {
        for (; column < what.last; ++column) coded_column<R, false>(what, row, column);
    } else if (what.matrix.format == Format::Int4) {
        for (; column < what.last; ++column) coded_column<R, true>(what, row, column);
    }
    for (; column + beside <= what.last; column += beside) exact_columns<R, beside>(what, row, column);
    for (; column < what.last; ++column) exact_columns<R, 1>(what, row, column);
}

// Rows in bunches of R, then of half as many, down to one.
template <int64_t R>
inline void rows_by(Product what, int64_t row, int64_t count) {
    for (; row + R <= count; row += R, ++what.ahead.pass) columns_of<R>(what, row);
    if constexpr (R > 1) rows_by<R / 2>(what, row, count);
}

// A few columns at a time, which stay in the cache while all rows pass.
void multiply(const MatrixView& matrix, const RowsView& rows, int64_t count, const Panels& panels, float* out, int64_t stride, bool add) {
    int64_t passes = count / ROWS;
    for (int64_t rest = count % ROWS; rest; rest &= rest - 1) ++passes;
    const int64_t end = panels.last * COLUMNS;
    for (int64_t first = panels.first * COLUMNS; first < end; first += BESIDE) {
        const int64_t last = first + BESIDE < end ? first + BESIDE : end;
        const uint8_t* next = last == end && panels.then ? panels.then : codes_of(matrix, last);
        rows_by<ROWS>({matrix, rows, out, stride, add, first, last, {next, passes, 0}}, 0, count);
    }
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

void gate(const float* gate_up, int64_t count, float* to) {
    for (int64_t i = 0; i < count; i += LANES) {
        const Floats gates = load_floats(gate_up + i, count - i);
        store_floats(to + i, gates / (1.0f + exponential(-gates)) * load_floats(gate_up + count + i, count - i), count - i);
    }
}

constexpr RowKernels table(const char* name) { return {name, prepare, multiply, norm, rotate, keep, attend, gate, judge, draw}; }

}  // namespace
}  // namespace guidedgen
