// Which rows are looked at together, and which slots they see in common. Rows of one sequence share its context; sequences that begin
// with the same slots (samples of one prompt) share these; a row's last few slots are its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "row_kernels.h"

namespace guidedgen {

// Rows [start, stop) of one sequence. `seen[i * (stop - start) + j]`: row start + i sees row start + j; null is a chain. Of a chain
// `watched` may take what its last row attends to, [layers that run][key heads][contexts + stop - start], the mean over the queries.
struct SegmentView {
    int64_t start, stop;
    const int64_t* context;
    int64_t contexts;
    const uint8_t* seen;
    float* watched;
};

struct StepRows {
    int64_t count;
    float* hidden;         // [count, width], changed in place
    const int64_t* slots;  // [count]
    const float* cosines;  // [count, dim]
    const float* sines;    // [count, dim], first half negated
    std::vector<SegmentView> segments;
};

// Consecutive rows, whole segments or a part of one.
struct RowBlock {
    int64_t start, rows;
    size_t segment, segments;
    size_t first_run;
    int64_t run_count;
};

class RowPlan {
  public:
    // Plans for at most `most` rows in a block.
    void see(const StepRows& rows, int64_t most) {
        blocks_.clear();
        runs_.clear();
        seen_.assign(static_cast<size_t>(rows.count), 0);
        slots_.clear();
        slots_.reserve(room_for(rows));
        for (size_t first = 0; first < rows.segments.size();) {
            const SegmentView& segment = rows.segments[first];
            const int64_t size = segment.stop - segment.start;
            if (size >= most) {
                const int64_t* seen = sequence(rows, segment);
                for (int64_t row = 0; row < size; row += most) {
                    open(segment.start + row, std::min(most, size - row), first, 1);
                    part(rows, segment, seen, 0, row, std::min(most, size - row));
                }
                ++first;
                continue;
            }
            first += together(rows, first, most);
        }
    }

    // The plan of all rows without what none of a block's rows sees: `hidden` [rows] slots, counted from a row's own first token. It
    // points into that plan.
    void narrow(const RowPlan& plan, const int64_t* hidden) {
        blocks_.clear();
        runs_.clear();
        seen_ = plan.seen_;
        for (size_t row = 0; row < seen_.size(); ++row)
            if (hidden[row] < 0 || hidden[row] >= seen_[row]) throw std::invalid_argument("a row that does not see itself");
        for (const RowBlock& block : plan.blocks_) {
            blocks_.push_back({block.start, block.rows, block.segment, block.segments, runs_.size(), 0});
            const int64_t begin = whole(*std::min_element(hidden + block.start, hidden + block.start + block.rows));
            for (const SlotRun* run = plan.runs(block); run < plan.runs(block) + block.run_count; ++run) {
                const int64_t less = std::clamp<int64_t>(begin - run->offset, 0, run->count);
                add({run->slots + less, run->count - less, run->row, run->rows, run->offset + less});
            }
        }
    }

    const std::vector<RowBlock>& blocks() const { return blocks_; }
    const SlotRun* runs(const RowBlock& block) const { return runs_.data() + block.first_run; }
    const int64_t* seen() const { return seen_.data(); }
    int64_t longest() const { return *std::max_element(seen_.begin(), seen_.end()); }

  private:
    static int64_t whole(int64_t count) { return count / TILE * TILE; }

    // Most numbers that `sequence` and `own` may ask for: pointers to them must stay.
    static size_t room_for(const StepRows& rows) {
        int64_t room = 0;
        for (const SegmentView& segment : rows.segments) {
            const int64_t size = segment.stop - segment.start;
            room += segment.contexts + size + (segment.seen ? size * (TILE + size) : 0);
        }
        return static_cast<size_t>(room);
    }

    // A block of small segments from `first` on that begin alike; how many there are.
    size_t together(const StepRows& rows, size_t first, int64_t most) {
        const SegmentView& segment = rows.segments[first];
        int64_t count = segment.stop - segment.start, shared = segment.contexts;
        size_t next = first + 1;
        for (; next < rows.segments.size(); ++next) {
            const SegmentView& other = rows.segments[next];
            const int64_t both = alike(segment, other, shared);
            if (count + other.stop - other.start > most || both < TILE) break;
            shared = both;
            count += other.stop - other.start;
        }
        open(segment.start, count, first, next - first);
        shared = next - first > 1 ? whole(shared) : 0;
        if (shared) add({segment.context, shared, 0, count, 0});
        for (size_t number = first; number < next; ++number) {
            const SegmentView& own = rows.segments[number];
            part(rows, own, sequence(rows, own), shared, 0, own.stop - own.start);
        }
        return next - first;
    }

    // With how many of the same slots two contexts begin, up to `most`.
    static int64_t alike(const SegmentView& one, const SegmentView& other, int64_t most) {
        const int64_t* end = one.context + std::min(most, other.contexts);
        return std::mismatch(one.context, end, other.context).first - one.context;
    }

    void open(int64_t start, int64_t rows, size_t segment, size_t segments) { blocks_.push_back({start, rows, segment, segments, runs_.size(), 0}); }

    void add(const SlotRun& run) {
        if (!run.count) return;
        runs_.push_back(run);
        ++blocks_.back().run_count;
    }

    // What a segment's rows may see, oldest first: its context, and where it is a chain its rows.
    const int64_t* sequence(const StepRows& rows, const SegmentView& segment) {
        const size_t begin = slots_.size();
        slots_.insert(slots_.end(), segment.context, segment.context + segment.contexts);
        if (!segment.seen) slots_.insert(slots_.end(), rows.slots + segment.start, rows.slots + segment.stop);
        return slots_.data() + begin;
    }

    // The runs of `count` rows from `row` of a segment on, behind the first `shared` slots of its sequence.
    void part(const StepRows& rows, const SegmentView& segment, const int64_t* sequence, int64_t shared, int64_t row, int64_t count) {
        const int64_t place = segment.start + row - blocks_.back().start;
        const int64_t common = whole(segment.contexts + (segment.seen ? 0 : row + 1));
        add({sequence + shared, common - shared, place, count, shared});
        for (int64_t i = 0; i < count; ++i) {
            int64_t seen = segment.contexts + row + i + 1;
            const int64_t* last = sequence + common;
            if (segment.seen) last = own(rows, segment, common, row + i, seen);
            seen_[static_cast<size_t>(segment.start + row + i)] = seen;
            add({last, seen - common, place + i, 1, common});
        }
    }

    // What a row of a tree sees behind the first `common` slots of the context; `seen` becomes all that it sees.
    const int64_t* own(const StepRows& rows, const SegmentView& segment, int64_t common, int64_t row, int64_t& seen) {
        const size_t begin = slots_.size();
        const int64_t size = segment.stop - segment.start;
        slots_.insert(slots_.end(), segment.context + common, segment.context + segment.contexts);
        for (int64_t other = 0; other < size; ++other)
            if (segment.seen[row * size + other]) slots_.push_back(rows.slots[segment.start + other]);
        seen = common + static_cast<int64_t>(slots_.size() - begin);
        return slots_.data() + begin;
    }

    std::vector<RowBlock> blocks_;
    std::vector<SlotRun> runs_;
    std::vector<int64_t> seen_, slots_;
};

}  // namespace guidedgen
