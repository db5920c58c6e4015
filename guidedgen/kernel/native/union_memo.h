// Unions that were made of the targets of a byte, by the list of these.
//
// States that differ by one byte of many, as after each of the characters that a range may begin with, have nearly all of
// their targets in common; and to find a union of a hundred parts again takes as long as to make it.
#pragma once

#include <cstdint>
#include <vector>

#include "paged.h"

namespace guidedgen {

class UnionMemo {
  public:
    // The union that was made of a list, or -1; `same(list, count)` says whether it is the one that is looked for.
    template <class F>
    int32_t find(uint64_t hash, F same) const {
        const int32_t known = index_.find(hash, [&](int32_t id) {
            const Known& k = known_[static_cast<size_t>(id)];
            return same(lists_.data() + k.begin, static_cast<size_t>(k.count));
        });
        return known >= 0 ? known_[static_cast<size_t>(known)].made : -1;
    }

    void add(uint64_t hash, const std::vector<int32_t>& list, int32_t made) {
        if (lists_.size() > kMost) *this = UnionMemo();
        known_.push_back({static_cast<uint32_t>(lists_.size()), static_cast<uint32_t>(list.size()), made});
        lists_.insert(lists_.end(), list.begin(), list.end());
        index_.insert(hash, static_cast<int32_t>(known_.size()) - 1);
    }

    int64_t memory() const { return static_cast<int64_t>(lists_.size() * 4 + known_.size() * (sizeof(Known) + 16)); }

  private:
    struct Known { uint32_t begin, count; int32_t made; };
    static constexpr size_t kMost = 1 << 18;   // elements of all lists; then all of them are forgotten

    std::vector<int32_t> lists_;
    std::vector<Known> known_;
    IdTable index_;
};

}  // namespace guidedgen
