// A matrix with its weights in the order in which products read them. Made from plain rows of numbers or codes, which are not kept.
#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "row_kernels.h"

namespace guidedgen {

// Memory on its own large pages where the system has them: weights are read from end to end at every step.
class Pages {
  public:
    explicit Pages(size_t bytes) {
        constexpr size_t page = size_t{2} << 20;
        const size_t whole = (bytes + page - 1) / page * page;
        void* memory = nullptr;
        if (posix_memalign(&memory, bytes < page ? 64 : page, bytes < page ? (bytes + 63) / 64 * 64 + 64 : whole) != 0) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
        if (bytes >= page) madvise(memory, whole, MADV_HUGEPAGE);
#endif
        std::memset(memory, 0, bytes);
        memory_.reset(static_cast<uint8_t*>(memory));
    }
    uint8_t* data() const { return memory_.get(); }

  private:
    struct Free {
        void operator()(uint8_t* memory) const { std::free(memory); }
    };
    std::unique_ptr<uint8_t, Free> memory_;
};

class PackedMatrix {
  public:
    // `numbers`: [outputs, inputs] of float or bfloat16.
    template <typename Number>
    static PackedMatrix exact(const Number* numbers, int64_t outputs, int64_t inputs) {
        constexpr bool brief = sizeof(Number) == 2;
        PackedMatrix made(brief ? Format::Bfloat16 : Format::Float32, outputs, inputs, sizeof(Number) * PANEL);
        constexpr int64_t depth = brief ? 2 : 1;  // inputs that lie side by side
        made.each(numbers, [&](int64_t place, int64_t lane, int64_t input, Number number) {
            const int64_t at = (place + input / depth * depth) * PANEL + lane * depth + input % depth;
            reinterpret_cast<Number*>(made.codes_.data())[at] = number;
        });
        return made;
    }

    // `codes`: [outputs, inputs], 1 to 255 with 128 for zero (Int8) or 0 to 15 (Int4). `scales`, `offsets`: halves
    // [outputs, groups]; offsets of Int4 alone.
    static PackedMatrix coded(bool four, const uint8_t* codes, const uint16_t* scales, const uint16_t* offsets, int64_t outputs, int64_t inputs) {
        PackedMatrix made(four ? Format::Int4 : Format::Int8, outputs, inputs, four ? PANEL / 2 : PANEL);
        uint8_t* packed = made.codes_.data();
        made.each(codes, [&](int64_t place, int64_t lane, int64_t input, uint8_t code) {
            if (four) packed[(place + input / 8 * 8) * 8 + lane * 4 + input % 4] |= static_cast<uint8_t>(code << (input % 8 < 4 ? 0 : 4));
            else packed[(place + input / 4 * 4) * PANEL + lane * 4 + input % 4] = code;
        });
        const int64_t groups = made.width_ / GROUP, kinds = four ? 2 : 1;
        made.scales_.assign(static_cast<size_t>(made.panels() * groups * PANEL * kinds), 0);
        for (int64_t output = 0; output < outputs; ++output)
            for (int64_t g = 0; g < groups; ++g) {
                uint16_t* to = made.scales_.data() + ((output / PANEL) * groups + g) * PANEL * kinds + output % PANEL;
                to[0] = scales[output * groups + g];
                if (four) to[PANEL] = offsets[output * groups + g];
            }
        return made;
    }

    void set_bias(const float* bias) {
        bias_.assign(static_cast<size_t>(panels() * PANEL), 0.0f);
        std::memcpy(bias_.data(), bias, static_cast<size_t>(outputs_) * sizeof(float));
    }

    MatrixView view() const { return {format_, outputs_, width_, codes_.data(), scales_.data(), bias_.empty() ? nullptr : bias_.data()}; }
    int64_t outputs() const { return outputs_; }
    int64_t inputs() const { return inputs_; }

  private:
    PackedMatrix(Format format, int64_t outputs, int64_t inputs, int64_t bytes)
        : format_(format), outputs_(outputs), inputs_(inputs), width_((inputs + GROUP - 1) / GROUP * GROUP),
          codes_(static_cast<size_t>((outputs + PANEL - 1) / PANEL * width_ * bytes)) {}

    int64_t panels() const { return (outputs_ + PANEL - 1) / PANEL; }

    // put(inputs before this panel, lane, input, value) for every entry.
    template <typename Value, typename Put>
    void each(const Value* values, const Put& put) {
        for (int64_t output = 0; output < outputs_; ++output)
            for (int64_t input = 0; input < inputs_; ++input) put(output / PANEL * width_, output % PANEL, input, values[output * inputs_ + input]);
    }

    Format format_;
    int64_t outputs_, inputs_, width_;
    Pages codes_;
    std::vector<uint16_t> scales_;
    std::vector<float> bias_;
};

}  // namespace guidedgen
