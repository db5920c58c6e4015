// The layers of a Llama-shaped model over flat rows, in one call without the interpreter. Rows of several sequences, chains and trees
// stand beside each other; each sees the slots of its segment's context and of its own ancestors. What is said of the rows (positions,
// slots, who sees whom) comes from Python; so do the rotary angles.
#pragma once

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "packed_matrix.h"
#include "row_plan.h"
#include "row_room.h"
#include "workers.h"

namespace guidedgen {

using SharedMatrix = std::shared_ptr<const PackedMatrix>;

struct LlamaLayer {
    std::vector<float> attention_norm, mlp_norm;
    SharedMatrix query_key_value, output, gate_up, down;
    std::vector<float> query_norm, key_norm;  // of each head's numbers, before they are rotated; empty for none
};

// A layer that runs, and which of its parts do.
struct LayerTurn {
    int64_t layer;
    bool attends, feeds;
};

// What sliding windows hide: how many slots each row [rows] does not see, counted from its own first token. `of` says which of the
// counts is a layer's, -1 for none.
struct Hidden {
    std::vector<const int64_t*> counts;
    std::vector<int64_t> of;  // [layers]
};

struct LlamaShape {
    int64_t width, heads, kv_heads, dim;
    float epsilon, scale;
};

struct LayerSlots {
    void* keys;  // [slots, kv_heads, kept_bytes]
    void* values;
};

class LlamaRows {
  public:
    LlamaRows(LlamaShape shape, std::vector<LlamaLayer> layers, std::vector<float> norm, SharedMatrix head, const RowKernels& kernels)
        : shape_(shape), layers_(std::move(layers)), norm_(std::move(norm)), head_(std::move(head)), kernels_(kernels) {
        const int64_t mixed = shape_.heads * shape_.dim, both = mixed + 2 * shape_.kv_heads * shape_.dim, width = shape_.width;
        for (const LlamaLayer& layer : layers_) {
            const int64_t inner = layer.down->inputs();
            fits(*layer.query_key_value, both, width);
            fits(*layer.output, width, mixed);
            fits(*layer.gate_up, 2 * inner, width);
            fits(*layer.down, width, inner);
            if (static_cast<int64_t>(std::min(layer.attention_norm.size(), layer.mlp_norm.size())) != width) throw std::invalid_argument("norms");
            for (const std::vector<float>* own : {&layer.query_norm, &layer.key_norm})
                if (!own->empty() && static_cast<int64_t>(own->size()) != shape_.dim) throw std::invalid_argument("norms of heads");
        }
        fits(*head_, head_->outputs(), width);
        if (shape_.heads / shape_.kv_heads > MOST_QUERIES) throw std::invalid_argument("heads");
        if (static_cast<int64_t>(norm_.size()) != width || shape_.dim % 2 || shape_.heads % shape_.kv_heads) throw std::invalid_argument("shape");
    }

    int64_t layers() const { return static_cast<int64_t>(layers_.size()); }
    int64_t width() const { return shape_.width; }
    int64_t outputs() const { return head_->outputs(); }
    const LlamaShape& shape() const { return shape_; }

    // Runs the layers named, in order, over the rows. `after(number)` is called when the layer of that number is done.
    template <typename After>
    void run(StepRows& rows, const Hidden& hidden, const std::vector<LayerTurn>& which, const std::vector<LayerSlots>& slots, Kept kept, int threads,
             const After& after) {
        std::lock_guard<std::mutex> hold(busy_);
        Workers::Turn turn(Workers::shared(), threads);
        plan_.see(rows, block_rows(rows.count, turn.parts()));
        narrowed_.resize(hidden.counts.size());
        for (size_t i = 0; i < narrowed_.size(); ++i) narrowed_[i].narrow(plan_, hidden.counts[i]);
        make_room(rows, threads);
        for (size_t turn_of = 0; turn_of < which.size(); ++turn_of) {
            const int64_t number = which[turn_of].layer;
            const LlamaLayer& layer = layers_[static_cast<size_t>(number)];
            const int64_t own = hidden.of[static_cast<size_t>(number)];
            const Sight sight = own < 0 ? Sight{plan_, nullptr} : Sight{narrowed_[static_cast<size_t>(own)], hidden.counts[static_cast<size_t>(own)]};
            const PackedMatrix& next = entered(which, turn_of + 1);
            if (which[turn_of].attends)
                attention(turn, rows, layer, sight, slots[static_cast<size_t>(number)], kept, static_cast<int64_t>(turn_of),
                          which[turn_of].feeds ? *layer.gate_up : next);
            if (which[turn_of].feeds) feed_forward(turn, rows, layer, next);
            after(number);
        }
    }

    // Final norm and head: logits [count, outputs] of hidden rows [count, width].
    void head(const float* hidden, int64_t count, float* logits, int threads) {
        std::lock_guard<std::mutex> hold(busy_);
        Workers::Turn turn(Workers::shared(), threads);
        normed_.grow(count * shape_.width);
        const RowsView given = input_.room(head_->view().format, count, head_->view().width);
        each_row(turn, count, [&](int64_t row) { prepare_normed(hidden + row * shape_.width, norm_, *head_, given, row); });
        product(turn, *head_, given, count, logits, head_->outputs(), false, *head_);
    }

  private:
    struct Sight {
        const RowPlan& plan;
        const int64_t* hidden;  // [rows], or null
    };

    static void fits(const PackedMatrix& matrix, int64_t outputs, int64_t inputs) {
        if (matrix.outputs() != outputs || matrix.inputs() != inputs) throw std::invalid_argument("a matrix of another shape");
    }

    // The matrix that is read first from that turn on.
    const PackedMatrix& entered(const std::vector<LayerTurn>& which, size_t turn) const {
        for (; turn < which.size(); ++turn) {
            const LlamaLayer& layer = layers_[static_cast<size_t>(which[turn].layer)];
            if (which[turn].attends || which[turn].feeds) return which[turn].attends ? *layer.query_key_value : *layer.gate_up;
        }
        return *head_;
    }

    void make_room(const StepRows& rows, int threads) {
        int64_t inner = 0;
        for (const LlamaLayer& layer : layers_) inner = std::max(inner, layer.down->inputs());
        const int64_t mixed = shape_.heads * shape_.dim;
        normed_.grow(rows.count * std::max({shape_.width, inner, mixed}));
        wide_.grow(rows.count * std::max(2 * inner, mixed + 2 * shape_.kv_heads * shape_.dim));
        room_ = (plan_.longest() + TILE - 1) / TILE * TILE;
        scores_.grow(std::min(threads, Workers::MOST) * queries() * room_);
    }

    // Most rows that are looked at together; fewer where threads would have too few pieces to share.
    int64_t block_rows(int64_t rows, int64_t threads) const {
        const int64_t most = most_rows(), pieces = (rows + most - 1) / most * shape_.kv_heads;
        return threads > 1 && pieces < 4 * threads ? (most + 1) / 2 : most;
    }
    int64_t most_rows() const { return std::min<int64_t>(MOST_QUERIES * shape_.kv_heads / shape_.heads, 16); }
    int64_t queries() const { return most_rows() * shape_.heads / shape_.kv_heads; }

    // One row's own work, in pieces of a few rows where there are many.
    template <typename Work>
    static void each_row(Workers::Turn& turn, int64_t count, const Work& work) {
        constexpr int64_t few = 4;
        if (count <= few) {
            for (int64_t row = 0; row < count; ++row) work(row);
            return;
        }
        turn.share((count + few - 1) / few, [&](int64_t piece, int) {
            for (int64_t row = piece * few; row < std::min(count, (piece + 1) * few); ++row) work(row);
        });
    }

    // How panels are cut into pieces that workers take.
    struct Cut {
        int64_t panels, size;

        explicit Cut(const MatrixView& matrix) : panels(matrix.panels()), size(std::clamp<int64_t>(panels / 64 * 2, 2, 12)) {}
        int64_t pieces() const { return (panels + size - 1) / size; }
    };

    // `next` is multiplied after it: who has done the last of its pieces asks for the first ones there.
    void product(Workers::Turn& turn, const PackedMatrix& matrix, const RowsView& given, int64_t count, float* out, int64_t stride, bool add,
                 const PackedMatrix& next) const {
        const MatrixView view = matrix.view(), after = next.view();
        const Cut cut(view), other(after);
        const int64_t pieces = cut.pieces(), others = other.pieces();
        turn.share(pieces, [&](int64_t piece, int worker) {
            const bool last = piece + 1 == turn.begin(pieces, worker + 1);
            const uint8_t* then = last ? after.data + turn.begin(others, worker) * other.size * after.panel_bytes() : nullptr;
            kernels_.multiply(view, given, count, {piece * cut.size, std::min(cut.panels, (piece + 1) * cut.size), then}, out, stride, add);
        });
    }

    void prepare_normed(const float* row, const std::vector<float>& weight, const PackedMatrix& matrix, const RowsView& to, int64_t number) {
        float* room = normed_.data() + number * shape_.width;
        kernels_.norm(row, weight.data(), shape_.width, shape_.epsilon, room);
        kernels_.prepare(matrix.view().format, room, shape_.width, matrix.view().width, to, number);
    }

    void norm_heads(float* heads, int64_t count, const std::vector<float>& weight) const {
        for (int64_t head = 0; !weight.empty() && head < count; ++head, heads += shape_.dim)
            kernels_.norm(heads, weight.data(), shape_.dim, shape_.epsilon, heads);
    }

    void attention(Workers::Turn& turn, StepRows& rows, const LlamaLayer& layer, const Sight& sight, LayerSlots slots, Kept kept, int64_t turn_of,
                   const PackedMatrix& next) {
        const int64_t dim = shape_.dim, mixed = shape_.heads * dim, keys = shape_.kv_heads * dim, both = mixed + 2 * keys;
        const PackedMatrix &first = *layer.query_key_value, &last = *layer.output;
        const RowsView given = input_.room(first.view().format, rows.count, first.view().width);
        each_row(turn, rows.count, [&](int64_t row) {
            prepare_normed(rows.hidden + row * shape_.width, layer.attention_norm, first, given, row);
        });
        product(turn, first, given, rows.count, wide_.data(), both, false, last);
        const int64_t head_bytes = kept_bytes(kept, dim), slot_bytes = shape_.kv_heads * head_bytes;
        each_row(turn, rows.count, [&](int64_t row) {
            float* own = wide_.data() + row * both;
            norm_heads(own, shape_.heads, layer.query_norm);
            norm_heads(own + mixed, shape_.kv_heads, layer.key_norm);
            kernels_.rotate(own, shape_.heads + shape_.kv_heads, dim, rows.cosines + row * dim, rows.sines + row * dim);
            kernels_.keep(own + mixed, static_cast<uint8_t*>(slots.keys) + rows.slots[row] * slot_bytes, shape_.kv_heads, dim, kept);
            kernels_.keep(own + mixed + keys, static_cast<uint8_t*>(slots.values) + rows.slots[row] * slot_bytes, shape_.kv_heads, dim, kept);
        });
        const int64_t group = shape_.heads / shape_.kv_heads;
        const RowPlan& plan = sight.plan;
        const int64_t blocks = static_cast<int64_t>(plan.blocks().size());
        turn.share(blocks * shape_.kv_heads, [&](int64_t piece, int worker) {  // a head's blocks one after another: they read the same
            const RowBlock& block = plan.blocks()[static_cast<size_t>(piece % blocks)];
            const int64_t head = piece / blocks, place = worker * queries() * room_;
            float* scores = scores_.data() + place;
            kernels_.attend({block.rows, group, dim, wide_.data() + block.start * both + head * group * dim, both,
                             static_cast<uint8_t*>(slots.keys) + head * head_bytes, static_cast<uint8_t*>(slots.values) + head * head_bytes,
                             slot_bytes, kept, plan.runs(block), block.run_count, plan.seen() + block.start,
                             sight.hidden ? sight.hidden + block.start : nullptr, shape_.scale,
                             scores, room_, normed_.data() + block.start * mixed + head * group * dim, mixed});
            for (size_t number = block.segment; number < block.segment + block.segments; ++number) {
                const SegmentView& segment = rows.segments[number];
                if (!segment.watched || segment.stop > block.start + block.rows) continue;
                const int64_t seen = segment.contexts + segment.stop - segment.start;
                watch(scores + (segment.stop - 1 - block.start) * group * room_, plan.runs(block)->offset, seen,
                      segment.watched + (turn_of * shape_.kv_heads + head) * seen);
            }
        });
        const RowsView heads = input_.room(last.view().format, rows.count, last.view().width);
        each_row(turn, rows.count, [&](int64_t row) {
            kernels_.prepare(last.view().format, normed_.data() + row * mixed, mixed, last.view().width, heads, row);
        });
        product(turn, last, heads, rows.count, rows.hidden, shape_.width, true, next);
    }

    // The mean over the queries of a key head of what they attend to, from their exponentials [group][room_].
    void watch(const float* scores, int64_t begin, int64_t seen, float* to) const {
        const int64_t group = shape_.heads / shape_.kv_heads;
        std::fill_n(to, seen, 0.0f);
        for (int64_t n = 0; n < group; ++n, scores += room_) {
            float sum = 0;
            for (int64_t i = begin; i < seen; ++i) sum += scores[i];
            for (int64_t i = begin; i < seen; ++i) to[i] += scores[i] / (sum * static_cast<float>(group));
        }
    }

    void feed_forward(Workers::Turn& turn, StepRows& rows, const LlamaLayer& layer, const PackedMatrix& next) {
        const PackedMatrix &first = *layer.gate_up, &last = *layer.down;
        const int64_t inner = last.inputs();
        const RowsView given = input_.room(first.view().format, rows.count, first.view().width);
        each_row(turn, rows.count, [&](int64_t row) {
            prepare_normed(rows.hidden + row * shape_.width, layer.mlp_norm, first, given, row);
        });
        product(turn, first, given, rows.count, wide_.data(), 2 * inner, false, last);
        const RowsView gated = input_.room(last.view().format, rows.count, last.view().width);
        each_row(turn, rows.count, [&](int64_t row) {
            float* room = normed_.data() + row * inner;
            kernels_.gate(wide_.data() + row * 2 * inner, inner, room);
            kernels_.prepare(last.view().format, room, inner, last.view().width, gated, row);
        });
        product(turn, last, gated, rows.count, rows.hidden, shape_.width, true, next);
    }

    const LlamaShape shape_;
    const std::vector<LlamaLayer> layers_;
    const std::vector<float> norm_;
    const SharedMatrix head_;
    const RowKernels& kernels_;

    std::mutex busy_;  // the room below belongs to one call at a time
    PreparedRows input_;
    Room<float> normed_, wide_, scores_;
    int64_t room_ = 0;  // scores of one query
    RowPlan plan_;
    std::vector<RowPlan> narrowed_;  // by what windows hide
};

}  // namespace guidedgen
