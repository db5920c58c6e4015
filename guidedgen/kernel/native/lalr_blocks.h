// Blocks by indentation: the columns of the lines that blocks around a place began with, and how many brackets are open there.
//
// Both are one number, hash-consed, so that they can be part of an item. They are never forgotten; there are few.
#pragma once

#include <deque>
#include <map>
#include <tuple>
#include <vector>

#include "common.h"

namespace guidedgen {

class LalrBlocks {
  public:
    LalrBlocks() { made({-1, 0, 0}); }

    // At the left margin, outside of all brackets.
    static constexpr int32_t kOutside = 0;

    int32_t column(int32_t id) const { return blocks_[id].column; }
    int32_t brackets(int32_t id) const { return blocks_[id].brackets; }
    // What the innermost block stands in, or -1.
    int32_t outer(int32_t id) const { return blocks_[id].outer; }
    int32_t inner(int32_t id, int32_t column) { return made({id, column, 0}); }

    // After a bracket that opens (1) or closes (-1); -1 where none is open.
    int32_t bracket(int32_t id, int32_t step) {
        const Block now = blocks_[id];
        return now.brackets + step < 0 ? -1 : made({now.outer, now.column, now.brackets + step});
    }

    int64_t memory() const { return static_cast<int64_t>(blocks_.size()) * (sizeof(Block) + 96); }

  private:
    struct Block {
        int32_t outer, column, brackets;
        bool operator<(const Block& o) const { return std::tie(outer, column, brackets) < std::tie(o.outer, o.column, o.brackets); }
    };

    int32_t made(const Block& block) {
        const auto found = ids_.emplace(block, static_cast<int32_t>(blocks_.size()));
        if (found.second) blocks_.push_back(block);
        return found.first->second;
    }

    std::deque<Block> blocks_;
    std::map<Block, int32_t> ids_;
};

}  // namespace guidedgen
