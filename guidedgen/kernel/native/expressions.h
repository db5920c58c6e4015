// Expressions over bytes and their symbolic derivatives.
//
// Derivatives are computed for all bytes at once as a partition (byte set -> derivative). Source of the method:
// Brzozowski, "Derivatives of Regular Expressions", JACM 1964.
#pragma once

#include <array>
#include <deque>

#include "expression_longest.h"
#include "union_memo.h"

namespace guidedgen {

class Expressions : public ExpressionLongest {
  public:
    static constexpr int64_t kDerivedParts = 200'000;   // about 10 MB of memoised derivatives

    using ExpressionLongest::ExpressionLongest;

    int64_t memory() const {
        return ExpressionTable::memory() + unions_.memory() + derived_parts_ * static_cast<int64_t>(sizeof(Partition::value_type));
    }

    // The derivatives of `id` by all bytes: disjoint sets, targets never kEmpty; bytes in no set lead to kEmpty.
    Partition derive(int32_t id) { return derive(id, 0); }
    // The same in the memo, until some of it is forgotten.
    const Partition& derived(int32_t id) { return derive(id, 0); }

    // The oldest of the memo goes, a few at a time.
    void forget_some() {
        while (derived_parts_ > kDerivedParts && !derived_order_.empty()) {
            auto& oldest = derived_[derived_order_.front()];
            derived_parts_ -= static_cast<int64_t>(oldest->size()) + 2;
            oldest.reset();
            derived_order_.pop_front();
        }
    }

    // Frees some of the memo, before the rest goes; false: there is none left.
    bool dismantle(size_t count) {
        for (; count > 0 && !derived_order_.empty(); --count) {
            derived_[derived_order_.front()].reset();
            derived_order_.pop_front();
        }
        return !derived_order_.empty();
    }

    // The same texts of at most `bytes` bytes, with counts that cannot matter within them removed, and perhaps more longer ones.
    // Where And is in it, what begins one of those may begin none of the expression's own.
    int32_t clamp(int32_t id, int32_t bytes) { return clamp(id, bytes, 0); }

  private:
    void deeper(int depth) const {
        if (depth > limits_.expression_depth()) throw LimitError("depth", static_cast<double>(limits_.depth), "nested expression");
    }

    // Parts are shared, also between nested repetitions that are written out: without a memo the work would be exponential.
    const Partition& derive(int32_t id, int depth) {
        const Expr e = nodes_[id];
        if (e.op == Op::Bytes) return by_bytes(e.a);
        if (is_derived(id)) return *derived_[id];
        deeper(depth);
        return remember(id, e.op == Op::Concat ? derive_concat(id, depth) : derive_other(e, depth));
    }

    const Partition& by_bytes(int32_t set) {
        by_bytes_.grow(sets_.size());
        Partition& known = by_bytes_[set];
        if (known.empty()) known.emplace_back(sets_[set], kEpsilon);
        return known;
    }

    const Partition& remember(int32_t id, Partition parts) {
        spend(static_cast<int64_t>(parts.size()) + 1);
        derived_.grow(static_cast<size_t>(size()));
        if (derived_[id]) return *derived_[id];
        derived_parts_ += static_cast<int64_t>(parts.size()) + 2;
        derived_[id] = std::make_unique<Partition>(std::move(parts));
        derived_order_.push_back(id);
        return *derived_[id];
    }

    bool is_derived(int32_t id) const { return static_cast<size_t>(id) < derived_.size() && derived_[id]; }

    // Down the spine as far as its heads may be empty, then back, so that long concatenations cost no stack.
    Partition derive_concat(int32_t id, int depth) {
        std::vector<int32_t> spine;
        int32_t rest = id;
        bool open = true;
        while (open && nodes_[rest].op == Op::Concat && !is_derived(rest)) {
            spine.push_back(rest);
            open = nodes_[nodes_[rest].a].nullable;
            rest = nodes_[rest].b;
        }
        Partition result = open ? derive(rest, depth + 1) : Partition{};
        for (size_t i = spine.size(); i-- > 0;) {
            const Expr e = nodes_[spine[i]];
            Partition parts = derive(e.a, depth + 1);
            for (auto& part : parts) part.second = concat(part.second, e.b);
            result = result.empty() ? std::move(parts) : join({&parts, &result});
            if (i > 0) remember(spine[i], result);
        }
        return result;
    }

    Partition derive_other(const Expr e, int depth) {
        switch (e.op) {
            case Op::Repeat: {
                Partition parts = derive(e.a, depth + 1);
                int32_t rest = repeat(e.a, std::max(e.low - 1, 0), e.high < 0 ? -1 : e.high - 1);
                for (auto& part : parts) part.second = concat(part.second, rest);
                return parts;
            }
            case Op::Or: {
                std::vector<const Partition*> all;
                for (int32_t i = 0; i < e.b; ++i) all.push_back(&derive(args_[e.a + i], depth + 1));
                return join(all);
            }
            case Op::And: {
                Partition parts = derive(args_[e.a], depth + 1);
                for (int32_t i = 1; i < e.b && !parts.empty(); ++i) parts = meet(parts, derive(args_[e.a + i], depth + 1));
                return parts;
            }
            case Op::Not: {
                Partition result;
                ByteSet rest = ByteSet::all();
                for (const auto& part : derive(e.a, depth + 1)) {
                    rest = rest - part.first;
                    int32_t target = negate(part.second);
                    if (target != kEmpty) result.emplace_back(part.first, target);
                }
                if (!rest.empty()) result.emplace_back(rest, kAll);
                return result;
            }
            case Op::Longest: {
                const Partition& accepted = derive(e.a, depth + 1);
                return meet_longest(e, accepted, derive(e.b, depth + 1));
            }
            case Op::Lazy: return sources_.all[e.a]->derive(e.b);
            default: return {};
        }
    }

    // Partition of a union: per byte the targets of all parts, grouped by equal target lists.
    Partition join(const std::vector<const Partition*>& all) {
        if (all.size() == 2 && all[0]->size() * all[1]->size() <= 16) return join_two(*all[0], *all[1]);
        targets_.assign(1, {});
        std::array<uint32_t, 256> of{};   // by byte: its targets, in `targets_`
        uint32_t turn = 0;
        for (const Partition* parts : all)
            for (const auto& part : *parts) {
                ++turn;
                part.first.each([&](uint8_t b) { of[b] = with_target(of[b], part.second, turn); });
            }
        return by_targets(of);
    }

    // What bytes lead to in the parts of a union that were looked at so far: the last of the targets, and those before it.
    struct Targets {
        int32_t last = -1;
        uint32_t before = 0, count = 0;
        uint64_t hash = 0;
        uint32_t turn = 0, with = 0;   // the last part that some byte of these was in, and what they are with its target
    };

    uint32_t with_target(uint32_t before, int32_t target, uint32_t turn) {
        Targets& known = targets_[before];
        if (known.turn == turn) return known.with;
        const Targets made{target, before, known.count + 1, mix(known.hash, static_cast<uint64_t>(target)), 0, 0};
        known.turn = turn;
        known.with = static_cast<uint32_t>(targets_.size());
        targets_.push_back(made);
        return static_cast<uint32_t>(targets_.size()) - 1;
    }

    bool same_targets(uint32_t one, uint32_t other) const {
        for (; one != other; one = targets_[one].before, other = targets_[other].before)
            if (targets_[one].count != targets_[other].count || targets_[one].last != targets_[other].last) return false;
        return true;
    }

    Partition by_targets(const std::array<uint32_t, 256>& of) {
        constexpr size_t kPlaces = 512;
        std::array<int16_t, kPlaces> places;   // by hash: a place in `groups`
        places.fill(-1);
        std::vector<std::pair<uint32_t, ByteSet>> groups;
        for (int b = 0; b < 256; ++b) {
            if (!of[b]) continue;
            const uint64_t hash = targets_[of[b]].hash;
            size_t at = (hash ^ (hash >> 32)) % kPlaces;
            while (places[at] >= 0 && !same_targets(groups[places[at]].first, of[b])) at = (at + 1) % kPlaces;
            if (places[at] < 0) {
                places[at] = static_cast<int16_t>(groups.size());
                groups.emplace_back(of[b], ByteSet{});
            }
            groups[places[at]].second.add(static_cast<uint8_t>(b));
        }
        Partition result;
        result.reserve(groups.size());
        for (const auto& [last, bytes] : groups) {
            const Targets& t = targets_[last];
            result.emplace_back(bytes, t.count == 1 ? t.last : groups.size() < kManyGroups ? either(listed(last)) : again(last));
        }
        return result;
    }

    std::vector<int32_t> listed(uint32_t last) const {
        std::vector<int32_t> list(targets_[last].count);
        for (size_t i = list.size(); i > 0; last = targets_[last].before) list[--i] = targets_[last].last;
        return list;
    }

    // The union of targets that others are likely to have, too.
    int32_t again(uint32_t last) {
        const auto same = [&](const int32_t* list, size_t count) {
            if (count != targets_[last].count) return false;
            for (uint32_t t = last; count > 0; t = targets_[t].before)
                if (list[--count] != targets_[t].last) return false;
            return true;
        };
        const int32_t known = unions_.find(targets_[last].hash, same);
        if (known >= 0) return known;
        const std::vector<int32_t> list = listed(last);
        const int32_t made = either(list);
        unions_.add(targets_[last].hash, list, made);
        return made;
    }

    static constexpr size_t kManyGroups = 16;   // of bytes

    Partition join_two(const Partition& left, const Partition& right) {
        Partition result;
        ByteSet in_left, in_right;
        for (const auto& l : left) in_left = in_left | l.first;
        for (const auto& r : right) in_right = in_right | r.first;
        for (const auto& l : left)
            for (const auto& r : right)
                if (ByteSet common = l.first & r.first; !common.empty())
                    result.emplace_back(common, either({l.second, r.second}));
        for (const auto& l : left)
            if (ByteSet rest = l.first - in_right; !rest.empty()) result.emplace_back(rest, l.second);
        for (const auto& r : right)
            if (ByteSet rest = r.first - in_left; !rest.empty()) result.emplace_back(rest, r.second);
        return result;
    }

    Partition meet(const Partition& left, const Partition& right) {
        Partition result;
        for (const auto& l : left)
            for (const auto& r : right) {
                ByteSet common = l.first & r.first;
                if (common.empty()) continue;
                int32_t target = both({l.second, r.second});
                if (target != kEmpty) result.emplace_back(common, target);
            }
        return result;
    }

    int32_t clamp(int32_t id, int32_t bytes, int depth) {
        const Expr e = nodes_[id];
        if (e.reach <= bytes) return id;
        deeper(depth);
        const uint64_t key = (static_cast<uint64_t>(bytes) << 32) | static_cast<uint32_t>(id);
        auto found = clamped_.find(key);
        if (found != clamped_.end()) return found->second;
        int32_t result = id;
        if (e.op == Op::Concat) {
            std::vector<int32_t> heads;
            int32_t rest = id;   // down the spine in a loop: texts may be long
            for (; nodes_[rest].op == Op::Concat && nodes_[rest].reach > bytes; rest = nodes_[rest].b) heads.push_back(nodes_[rest].a);
            result = clamp(rest, bytes, depth + 1);
            for (size_t i = heads.size(); i-- > 0;) result = concat(clamp(heads[i], bytes, depth + 1), result);
        } else if (e.op == Op::Repeat) {
            const int32_t most = bytes / std::max(nodes_[e.a].shortest, 1);   // complete repetitions within `bytes`
            result = repeat(clamp(e.a, bytes, depth + 1), std::min(e.low, most + 1), e.high > most ? -1 : e.high);
        } else if (e.op == Op::Or || e.op == Op::And) {
            std::vector<int32_t> items;
            for (int32_t i = 0; i < e.b; ++i) items.push_back(clamp(args_[e.a + i], bytes, depth + 1));
            if (e.op == Op::And && std::any_of(items.begin(), items.end(), [this](int32_t i) { return i != universe_ && nodes_[i].text; }))
                items.erase(std::remove(items.begin(), items.end(), universe_), items.end());   // what was a bound of length says nothing now
            result = e.op == Op::Or ? either(std::move(items)) : both(std::move(items));
        }
        clamped_.emplace(key, result);
        return result;
    }

    std::unordered_map<uint64_t, int32_t> clamped_;
    Paged<std::unique_ptr<Partition>> derived_;   // memo, by expression; the oldest are dropped when it grows large
    std::deque<int32_t> derived_order_;
    std::vector<Targets> targets_;   // scratch of `join`
    UnionMemo unions_;
    Paged<Partition, 6> by_bytes_;   // the same of single bytes, by set
    int64_t derived_parts_ = 0;
};

}  // namespace guidedgen
