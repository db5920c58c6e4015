// A matrix with its weights in the order in which products read them. Made from plain rows of numbers or codes, which are not kept.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "row_kernels.h"

namespace guidedgen {

// Memory for weights, on large pages where the system has them. Matrices lie in the order in which they were made, which is that in
// which a model reads them: what is asked for behind the end of one is the beginning of the next.
class Pages {
  public:
    explicit Pages(size_t bytes) {
        static std::mutex mutex;
        static std::weak_ptr<Block> newest;
        std::lock_guard<std::mutex> hold(mutex);
        bytes = (bytes + size_t{LINE} - 1) / LINE * LINE;
        block_ = newest.lock();
        if (!block_ || block_->size - block_->used < bytes) newest = block_ = std::make_shared<Block>(std::max(bytes, LEAST));
        data_ = block_->memory.get() + block_->used;
        block_->used += bytes;
        std::memset(data_, 0, bytes);
    }
    uint8_t* data() const { return data_; }

  private:
    static constexpr size_t PAGE = size_t{2} << 20, LEAST = 16 * PAGE;

    struct Free {
        void operator()(uint8_t* memory) const { std::free(memory); }
    };

    struct Block {
        explicit Block(size_t bytes) : size((bytes + PAGE - 1) / PAGE * PAGE) {
            void* found = nullptr;
            if (posix_memalign(&found, PAGE, size) != 0) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
            madvise(found, size, MADV_HUGEPAGE);
#endif
            memory.reset(static_cast<uint8_t*>(found));
        }
        const size_t size;
        size_t used = 0;
        std::unique_ptr<uint8_t, Free> memory;
    };

    std::shared_ptr<Block> block_;
    uint8_t* data_;
};

class PackedMatrix {
  public:
    // `numbers`: [outputs, inputs] of float or bfloat16.
    template <typename Number>
    static PackedMatrix exact(const Number* numbers, int64_t outputs, int64_t inputs) {
        constexpr bool brief = sizeof(Number) == 2;
        PackedMatrix made(brief ? Format::Bfloat16 : Format::Float32, outputs, inputs);
        constexpr int64_t depth = brief ? 2 : 1;  // inputs that lie side by side
        made.each(numbers, [&](uint8_t* place, int64_t lane, int64_t input, Number number) {
            const int64_t own = input % GROUP;
            reinterpret_cast<Number*>(place)[own / depth * depth * PANEL + lane * depth + own % depth] = number;
        });
        return made;
    }

    // `codes`: [outputs, inputs], 1 to 255 with 128 for zero (Int8) or 0 to 15 (Int4). `scales`, `offsets`: halves
    // [outputs, groups]; offsets of Int4 alone.
    static PackedMatrix coded(bool four, const uint8_t* codes, const uint16_t* scales, const uint16_t* offsets, int64_t outputs, int64_t inputs) {
        PackedMatrix made(four ? Format::Int4 : Format::Int8, outputs, inputs);
        made.each(codes, [&](uint8_t* place, int64_t lane, int64_t input, uint8_t code) {
            const int64_t own = input % GROUP;
            if (four) place[own / 8 * 8 * 8 + lane * 4 + own % 4] |= static_cast<uint8_t>(code << (own % 8 < 4 ? 0 : 4));
            else place[own / 4 * 4 * PANEL + lane * 4 + own % 4] = code;
        });
        const MatrixView view = made.view();
        const int64_t groups = view.groups();
        for (int64_t output = 0; output < outputs; ++output) {
            uint8_t* panel = made.memory_.data() + output / PANEL * view.panel_bytes();
            for (int64_t g = 0; g < groups; ++g) {
                uint16_t* to = reinterpret_cast<uint16_t*>(panel + view.scales_of(g)) + output % PANEL;
                to[0] = scales[output * groups + g];
                if (four) to[PANEL] = offsets[output * groups + g];
            }
        }
        return made;
    }

    void set_bias(const float* bias) {
        bias_.assign(static_cast<size_t>(panels() * PANEL), 0.0f);
        std::memcpy(bias_.data(), bias, static_cast<size_t>(outputs_) * sizeof(float));
    }

    MatrixView view() const { return {format_, outputs_, width_, memory_.data(), bias_.empty() ? nullptr : bias_.data()}; }
    int64_t outputs() const { return outputs_; }
    int64_t inputs() const { return inputs_; }

  private:
    PackedMatrix(Format format, int64_t outputs, int64_t inputs)
        : format_(format), outputs_(outputs), inputs_(inputs), width_((inputs + GROUP - 1) / GROUP * GROUP),
          memory_(static_cast<size_t>(panels() * MatrixView{format_, outputs_, width_, nullptr, nullptr}.panel_bytes())) {}

    int64_t panels() const { return (outputs_ + PANEL - 1) / PANEL; }

    // put(the weights of this panel and group, lane, input, value) for every entry.
    template <typename Value, typename Put>
    void each(const Value* values, const Put& put) {
        const MatrixView own = view();
        for (int64_t output = 0; output < outputs_; ++output) {
            uint8_t* panel = memory_.data() + output / PANEL * own.panel_bytes();
            for (int64_t input = 0; input < inputs_; ++input)
                put(panel + own.codes_of(input / GROUP), output % PANEL, input, values[output * inputs_ + input]);
        }
    }

    Format format_;
    int64_t outputs_, inputs_, width_;
    Pages memory_;
    std::vector<float> bias_;
};

}  // namespace guidedgen
