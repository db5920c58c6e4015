// Members in any order: which of them may come next, and what the rest costs, given the set of those already seen.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "common.h"

namespace guidedgen {

using Seen = std::vector<uint64_t>;   // bit m: member m came already; missing words are zero

// Hash-consed sets of seen members; id 0 is the empty set.
class SeenSets {
  public:
    const Seen& at(int32_t id) const { return sets_[id]; }
    int64_t memory() const { return bytes_; }

    int32_t with(int32_t id, int32_t member) {
        Seen set = sets_[id];
        size_t word = static_cast<size_t>(member) >> 6;
        if (set.size() <= word) set.resize(word + 1, 0);
        set[word] |= uint64_t{1} << (member & 63);
        uint64_t h = set.size();
        for (uint64_t w : set) h = mix(h, w);
        auto& bucket = index_[h];
        for (int32_t known : bucket)
            if (sets_[known] == set) return known;
        bucket.push_back(static_cast<int32_t>(sets_.size()));
        bytes_ += static_cast<int64_t>(set.size() * sizeof(uint64_t) + sizeof(Seen) + 64);
        sets_.push_back(std::move(set));
        return bucket.back();
    }

  private:
    int64_t bytes_ = 0;
    std::vector<Seen> sets_{{}};
    std::unordered_map<uint64_t, std::vector<int32_t>> index_;
};

struct Unordered {
    int32_t separator, rest, low, high;   // rest, high: -1 for none
    int32_t required = 0;                 // how many members are
    std::vector<int32_t> members;
    std::vector<uint8_t> needed;

    Unordered(const int32_t* pool, int32_t count) : separator(pool[0]), rest(pool[1]), low(pool[2]), high(pool[3]) {
        for (int32_t m = 0; m < count; ++m) {
            members.push_back(pool[4 + 2 * m]);
            needed.push_back(pool[5 + 2 * m] != 0);
            required += needed.back();
        }
    }

    int32_t size() const { return static_cast<int32_t>(members.size()); }

    void append_parts(std::vector<int32_t>& out) const {
        out.push_back(separator);
        if (rest >= 0) out.push_back(rest);
        out.insert(out.end(), members.begin(), members.end());
    }

    void check_nonempty(const std::vector<uint8_t>& nullable) const {
        bool empty = nullable[separator] || (rest >= 0 && nullable[rest]);
        for (int32_t m : members) empty = empty || nullable[m];
        if (empty) throw std::invalid_argument("an unordered collection has a part that derives the empty text");
    }

    bool productive(const std::vector<uint8_t>& holds) const {
        int64_t available = 0;
        for (int32_t m = 0; m < size(); ++m) {
            if (needed[m] && !holds[members[m]]) return false;
            available += holds[members[m]];
        }
        int32_t least = std::max(low, required);
        if ((high >= 0 && high < least) || (least > 1 && !holds[separator])) return false;
        return available >= least || (rest >= 0 && holds[rest]);
    }

    // Whether nothing more has to come after `count` items.
    bool may_end(const Seen& seen, int32_t count) const { return count >= low && missing(seen) == 0; }

    // Counts beyond which nothing changes are one.
    int32_t next_count(int32_t count) const { return high >= 0 ? count + 1 : std::min(count + 1, std::max(low, 1)); }

    // What is left to come, worked out once for all the items that might be next.
    struct Left {
        int64_t required, available;   // members that must, and that could, still come
        bool rest, separator;          // whether these can be written at all
    };

    Left left(const Seen& seen, const std::vector<uint8_t>& productive) const {
        Left result{missing(seen), 0, rest >= 0 && productive[rest], productive[separator] != 0};
        for (int32_t m = 0; m < size(); ++m) result.available += !has(seen, m) && productive[members[m]];
        return result;
    }

    // Whether one more item after `count` leaves a way to the end; `member`: it is one, `must`: a required one.
    bool may_take(bool member, bool must, int32_t count, const Left& left) const {
        int64_t required_after = left.required - must;
        if (high >= 0 && required_after > int64_t{high} - count - 1) return false;
        int64_t needed_after = std::max<int64_t>(required_after, int64_t{low} - count - 1);
        if (needed_after > 0 && !left.separator) return false;
        return left.rest || left.available - member >= needed_after;
    }

    bool has(const Seen& seen, int32_t m) const {
        size_t word = static_cast<size_t>(m) >> 6;
        return word < seen.size() && ((seen[word] >> (m & 63)) & 1);
    }

    // Least bytes of what has to come after `count` items: the required members, and the cheapest others up to `low`.
    int64_t cost(const Seen& seen, int32_t count, const std::vector<int64_t>& length) const {
        int64_t sum = 0, items = 0;
        std::vector<int64_t> others;
        for (int32_t m = 0; m < size(); ++m) {
            if (has(seen, m)) continue;
            if (needed[m]) {
                sum = std::min(kFar, sum + length[members[m]]);
                ++items;
            } else {
                others.push_back(length[members[m]]);
            }
        }
        int64_t more = std::max<int64_t>(0, int64_t{low} - count - items);
        items += more;
        std::sort(others.begin(), others.end());
        int64_t each = rest >= 0 ? length[rest] : kFar;
        for (size_t k = 0; more > 0 && k < others.size() && others[k] < each; ++k, --more) sum = std::min(kFar, sum + others[k]);
        if (more > 0) sum = std::min(kFar, sum + far_times(each, more));
        int64_t separators = items - (count == 0 && items > 0);
        if (separators > 0) sum = std::min(kFar, sum + far_times(length[separator], separators));
        return sum;
    }

  private:
    int64_t missing(const Seen& seen) const {
        int64_t result = 0;
        for (int32_t m = 0; m < size(); ++m) result += needed[m] && !has(seen, m);
        return result;
    }
};

}  // namespace guidedgen
