// The functions of a table of row kernels, compiled once for each kind of processor with that processor's own instructions. What
// differs is below: products of bytes (`dot4`) and of pairs of bfloat16 (`dot2`).
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "lanes.h"
#include "row_kernels.h"

namespace guidedgen {
namespace {

// sum[i] + weights[4i .. 4i+3] * row[0 .. 3]: unsigned bytes times signed ones.
inline Ints dot4(Ints sums, const void* weights, const int8_t* row) {
    int32_t four;
    std::memcpy(&four, row, 4);
#if defined(__AVX512VNNI__)
    return bits_as<Ints>(_mm512_dpbusd_epi32(bits_as<__m512i>(sums), load<__m512i>(weights), _mm512_set1_epi32(four)));
#elif defined(__AVX2__)
    const __m256i given = _mm256_set1_epi32(four), low = _mm256_set1_epi16(255);
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(given, 8), 8), odd = _mm256_srai_epi16(given, 8);
    __m256i halves[2];
    std::memcpy(halves, &sums, sizeof(halves));
    for (int half = 0; half < 2; ++half) {
        const __m256i codes = load<__m256i>(static_cast<const uint8_t*>(weights) + 32 * half);
        halves[half] = _mm256_add_epi32(halves[half], _mm256_madd_epi16(_mm256_and_si256(codes, low), even));
        halves[half] = _mm256_add_epi32(halves[half], _mm256_madd_epi16(_mm256_srli_epi16(codes, 8), odd));
    }
    return load<Ints>(halves);
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
#else
    return from_half(load<Shorts>(from));
#endif
}

#if defined(__AVX512F__)
constexpr int64_t ROWS = 8, SUMS = 16;  // most rows multiplied with a panel at once, and sums of sixteen held in registers
#else
constexpr int64_t ROWS = 4, SUMS = 4;
#endif

constexpr int64_t AHEAD = 2048;  // bytes: weights are asked for before they are needed, since the sums keep the processor from looking ahead

template <int64_t R>
inline void finish(const Floats (&sums)[R], const MatrixView& matrix, int64_t panel, float* out, int64_t stride, bool add) {
    const int64_t first = panel * PANEL, count = matrix.outputs - first;
    for (int64_t r = 0; r < R; ++r) {
        float* to = out + r * stride + first;
        Floats result = sums[r];
        if (matrix.bias) result += load<Floats>(matrix.bias + first);
        if (add) result += load_floats(to, count);
        store_floats(to, result, count);
    }
}

// Several panels side by side: one row's chain of additions alone would wait for itself.
template <int64_t R, int64_t P>
inline void exact_panels(const MatrixView& matrix, const RowsView& rows, int64_t row, int64_t panel, float* out, int64_t stride, bool add) {
    const bool brief = matrix.format == Format::Bfloat16;
    const int64_t steps = brief ? matrix.width / 2 : matrix.width;
    const uint8_t* codes = matrix.codes + panel * steps * 64;
    Floats sums[P][R] = {};
    if (brief) {
        const uint16_t* data = reinterpret_cast<const uint16_t*>(rows.data) + row * matrix.width;
        for (int64_t k = 0; k < steps; ++k)
            for (int64_t p = 0; p < P; ++p) {
                const Words weights = load<Words>(codes + (p * steps + k) * 64);
                __builtin_prefetch(codes + (p * steps + k) * 64 + AHEAD);
                for (int64_t r = 0; r < R; ++r) sums[p][r] = dot2(sums[p][r], weights, data + r * matrix.width + 2 * k);
            }
    } else {
        const float* data = reinterpret_cast<const float*>(rows.data) + row * matrix.width;
        for (int64_t k = 0; k < steps; ++k)
            for (int64_t p = 0; p < P; ++p) {
                const Floats weights = load<Floats>(codes + (p * steps + k) * 64);
                __builtin_prefetch(codes + (p * steps + k) * 64 + AHEAD);
                for (int64_t r = 0; r < R; ++r) sums[p][r] += weights * data[r * matrix.width + k];
            }
    }
    for (int64_t p = 0; p < P; ++p) finish<R>(sums[p], matrix, panel + p, out, stride, add);
}

// Whole numbers inside a group, scaled group by group: weight = code * scale, or code * scale + offset.
template <int64_t R, bool four>
inline void coded_panel(const MatrixView& matrix, const RowsView& rows, int64_t row, int64_t panel, float* out, int64_t stride, bool add) {
    const int64_t groups = matrix.groups();
    const uint8_t* codes = matrix.codes + panel * matrix.width * (four ? PANEL / 2 : PANEL);
    const uint16_t* scales = matrix.scales + panel * groups * (four ? 2 * PANEL : PANEL);
    const int8_t* data = reinterpret_cast<const int8_t*>(rows.data) + row * matrix.width;
    Floats sums[R] = {};
    for (int64_t g = 0; g < groups; ++g, data += GROUP) {
        Ints whole[R];
        for (int64_t r = 0; r < R; ++r) whole[r] = four ? Ints{} : splat(rows.shift[(row + r) * groups + g]);
        if (four) {
            for (int64_t k = 0; k < GROUP; k += 8, codes += 64) {
                __builtin_prefetch(codes + AHEAD);
                const Words both = load<Words>(codes), low = both & 0x0f0f0f0fu, high = (both >> 4) & 0x0f0f0f0fu;
                for (int64_t r = 0; r < R; ++r) {
                    whole[r] = dot4(whole[r], &low, data + r * matrix.width + k);
                    whole[r] = dot4(whole[r], &high, data + r * matrix.width + k + 4);
                }
            }
        } else {
            for (int64_t k = 0; k < GROUP; k += 4, codes += 64) {
                __builtin_prefetch(codes + AHEAD);
                for (int64_t r = 0; r < R; ++r) whole[r] = dot4(whole[r], codes, data + r * matrix.width + k);
            }
        }
        const Floats scale = halves(scales);
        const Floats offset = four ? halves(scales + PANEL) : Floats{};
        scales += four ? 2 * PANEL : PANEL;
        for (int64_t r = 0; r < R; ++r) {
            const int64_t place = (row + r) * groups + g;
            sums[r] += __builtin_convertvector(whole[r], Floats) * (scale * rows.scales[place]);
            if (four) sums[r] += offset * rows.sums[place];
        }
    }
    finish<R>(sums, matrix, panel, out, stride, add);
}

template <int64_t R>
inline void rows_of(const MatrixView& matrix, const RowsView& rows, int64_t row, int64_t first, int64_t last, float* out, int64_t stride,
                    bool add) {
    constexpr int64_t beside = R * 4 <= SUMS ? 4 : R * 2 <= SUMS ? 2 : 1;
    int64_t panel = first;
    if (matrix.format == Format::Int8) {
        for (; panel < last; ++panel) coded_panel<R, false>(matrix, rows, row, panel, out, stride, add);
    } else if (matrix.format == Format::Int4) {
        for (; panel < last; ++panel) coded_panel<R, true>(matrix, rows, row, panel, out, stride, add);
    } else {
        for (; panel + beside <= last; panel += beside) exact_panels<R, beside>(matrix, rows, row, panel, out, stride, add);
        for (; panel < last; ++panel) exact_panels<R, 1>(matrix, rows, row, panel, out, stride, add);
    }
}

// A few panels at a time, which stay in the cache while all rows pass.
void multiply(const MatrixView& matrix, const RowsView& rows, int64_t count, int64_t first, int64_t last, float* out, int64_t stride, bool add) {
    constexpr int64_t few = 4;
    for (int64_t panel = first; panel < last; panel += few) {
        const int64_t end = panel + few < last ? panel + few : last;
        int64_t row = 0;
        for (; row + ROWS <= count; row += ROWS) rows_of<ROWS>(matrix, rows, row, panel, end, out + row * stride, stride, add);
        if (ROWS > 4)
            for (; row + 4 <= count; row += 4) rows_of<4>(matrix, rows, row, panel, end, out + row * stride, stride, add);
        for (; row + 2 <= count; row += 2) rows_of<2>(matrix, rows, row, panel, end, out + row * stride, stride, add);
        if (row < count) rows_of<1>(matrix, rows, row, panel, end, out + row * stride, stride, add);
    }
}

void prepare_codes(const float* from, int64_t inputs, int64_t width, const RowsView& to, int64_t row) {
    const int64_t groups = width / GROUP;
    int8_t* codes = reinterpret_cast<int8_t*>(to.data) + row * width;
    for (int64_t g = 0; g < groups; ++g) {
        Floats part[2], most{};
        for (int64_t i = 0; i < 2; ++i) {
            const int64_t start = g * GROUP + i * LANES, left = inputs - start;
            part[i] = left > 0 ? load_floats(from + start, left) : Floats{};
            most = greater(most, greater(part[i], -part[i]));
        }
        const float peak = largest(most), scale = peak / 127, inverse = peak > 0 ? 127 / peak : 0;
        Floats total{};
        for (int64_t i = 0; i < 2; ++i) {
            const Floats magic = splat(12582912.0f);  // adding it rounds to the nearest whole number
            const Floats shifted = part[i] * inverse + magic;
            store(codes + g * GROUP + i * LANES, __builtin_convertvector(bits_as<Ints>(shifted) - bits_as<Ints>(magic), Bytes16));
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

inline int64_t slot_at(const Attention& what, int64_t i) { return i < what.contexts ? what.context[i] : what.own[i - what.contexts]; }

template <typename Number>
void scores_of(const Attention& what) {
    const int64_t seen = what.contexts + what.owns;
    for (int64_t i = 0; i < seen; ++i) {
        const Number* key = static_cast<const Number*>(what.keys) + slot_at(what, i) * what.slot_stride;
        for (int64_t head = 0; head < what.heads; ++head) {
            const float* query = what.query + head * what.dim;
            Floats products{};
            for (int64_t d = 0; d < what.dim; d += LANES)
                products += load_floats(query + d, what.dim - d) * load_floats(key + d, what.dim - d);
            what.scores[head * seen + i] = sum(products) * what.scale;
        }
    }
}

// Scores to weights that add up to `1 / factor`; gives the factor.
float soften(float* scores, int64_t seen) {
    Floats most = splat(scores[0]);
    for (int64_t i = 0; i + LANES <= seen; i += LANES) most = greater(most, load<Floats>(scores + i));
    float peak = largest(most);
    for (int64_t i = seen / LANES * LANES; i < seen; ++i) peak = scores[i] > peak ? scores[i] : peak;
    Floats total{};
    for (int64_t i = 0; i < seen; i += LANES) {
        const int64_t count = seen - i;
        Floats weights = exponential(load_floats(scores + i, count) - peak);
        store_floats(scores + i, weights, count);
        total += load_floats(scores + i, count);
    }
    return 1 / sum(total);
}

template <typename Number>
void mixed_of(const Attention& what) {
    const int64_t seen = what.contexts + what.owns;
    constexpr int64_t wide = 4;  // heads of 64 numbers at once
    for (int64_t head = 0; head < what.heads; ++head) {
        const float* weights = what.scores + head * seen;
        const float factor = soften(what.scores + head * seen, seen);
        for (int64_t d = 0; d < what.dim; d += wide * LANES) {
            Floats sums[wide] = {};
            for (int64_t i = 0; i < seen; ++i) {
                const Number* value = static_cast<const Number*>(what.values) + slot_at(what, i) * what.slot_stride + d;
                for (int64_t part = 0; part < wide; ++part) {
                    const int64_t left = what.dim - d - part * LANES;
                    if (left > 0) sums[part] += load_floats(value + part * LANES, left) * weights[i];
                }
            }
            for (int64_t part = 0; part < wide; ++part) {
                const int64_t start = d + part * LANES;
                if (start < what.dim) store_floats(what.out + head * what.dim + start, sums[part] * factor, what.dim - start);
            }
        }
    }
}

void attend(const Attention& what) {
    if (what.brief) {
        scores_of<uint16_t>(what);
        mixed_of<uint16_t>(what);
    } else {
        scores_of<float>(what);
        mixed_of<float>(what);
    }
}

void gate(const float* gate_up, int64_t count, float* to) {
    for (int64_t i = 0; i < count; i += LANES) {
        const Floats gates = load_floats(gate_up + i, count - i);
        store_floats(to + i, gates / (1.0f + exponential(-gates)) * load_floats(gate_up + count + i, count - i), count - i);
    }
}

constexpr RowKernels table(const char* name) { return {name, prepare, multiply, norm, rotate, keep, attend, gate}; }

}  // namespace
}  // namespace guidedgen
