// Hash-consed regular expressions over bytes: smart constructors, nullability, symbolic derivatives.
//
// Two expressions that the similarity rules below can show equal have the same id, so ids serve as automaton states.
// Derivatives are computed for all bytes at once as a partition (byte set -> derivative). Source of the method:
// Brzozowski, "Derivatives of Regular Expressions", JACM 1964; counted repetition is never unrolled.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "expression_nodes.h"
#include "paged.h"
#include "work.h"

namespace guidedgen {

class Expressions {
  public:
    static constexpr int kFactored = 256;               // levels of common heads that are taken out at once
    static constexpr int64_t kSorting = 8;              // steps that an item of a union counts for
    static constexpr int64_t kDerivedParts = 200'000;   // about 10 MB of memoised derivatives
    static constexpr int32_t kEmpty = 0, kEpsilon = 1, kAll = 2;  // no string, the empty string, every string

    explicit Expressions(Limits limits) : limits_(limits), work_(limits) {
        nodes_.push_back({Op::Empty, false, false, 0});
        nodes_.push_back({Op::Epsilon, true, false, 0});
        nodes_.push_back({Op::Repeat, true, false, 0, 3, 0, 0, -1});  // kAll = any byte, any number of times
        nodes_.push_back({Op::Bytes, false, false, 0, 0, 0, 0, -1, 1});
        sets_.push_back(ByteSet::all());
        set_index_[ByteSet::all().hash()].push_back(0);
        index_.insert(key_hash(nodes_[2]), 2);
        index_.insert(key_hash(nodes_[3]), 3);
    }

    Expressions(const Expressions&) = delete;
    Expressions& operator=(const Expressions&) = delete;

    const Expr& at(int32_t id) const { return nodes_[id]; }
    const ByteSet& set_of(int32_t id) const { return sets_[nodes_[id].a]; }
    int32_t part(int32_t id, int32_t i) const { return args_[nodes_[id].a + i]; }   // of Or and And
    int64_t size() const { return static_cast<int64_t>(nodes_.size()); }
    int64_t memory() const {
        return static_cast<int64_t>(nodes_.size() * (sizeof(Expr) + 48) + args_.size() * 4 + sets_.size() * 96) + held_ +
               derived_parts_ * static_cast<int64_t>(sizeof(Partition::value_type));
    }

    int32_t bytes(const ByteSet& set) {
        if (set.empty()) return kEmpty;
        auto& bucket = set_index_[set.hash()];
        int32_t found = -1;
        for (int32_t i : bucket)
            if (sets_[i] == set) found = i;
        if (found < 0) {
            found = static_cast<int32_t>(sets_.size());
            sets_.push_back(set);
            bucket.push_back(found);
        }
        return intern({Op::Bytes, false, false, 0, found, 0, 0, -1, 1});
    }

    int32_t literal(const uint8_t* text, size_t length) {
        int32_t result = kEpsilon;
        for (size_t i = length; i-- > 0;) result = pair(bytes(ByteSet::single(text[i])), result);
        return result;
    }

    // Right-nested: the head of a Concat is never a Concat itself.
    int32_t concat(int32_t head, int32_t tail) {
        if (head == kEmpty || tail == kEmpty) return kEmpty;
        if (nodes_[head].op != Op::Concat) return pair(head, tail);
        std::vector<int32_t> spine;
        while (nodes_[head].op == Op::Concat) {
            spine.push_back(nodes_[head].a);
            head = nodes_[head].b;
        }
        int32_t result = pair(head, tail);
        for (size_t i = spine.size(); i-- > 0;) result = pair(spine[i], result);
        return result;
    }

    int32_t repeat(int32_t child, int32_t low, int32_t high) {
        if (high == 0 || child == kEpsilon) return kEpsilon;
        if (child == kEmpty) return low == 0 ? kEpsilon : kEmpty;
        if (nodes_[child].nullable) low = 0;
        if (low == 1 && high == 1) return child;
        const Expr& c = nodes_[child];
        if (c.op == Op::Repeat && c.low <= 1 && c.high == -1 && low <= 1 && (high == -1 || low == 0 || high >= 1))
            return repeat(c.a, c.low * low, -1);   // (x*)*, (x+)*, (x*)+, (x+)?
        Expr e{Op::Repeat, low == 0 || c.nullable, c.boolean, c.reach, child, 0, low, high, times_bytes(low, c.shortest)};
        e.reach = std::max(e.reach, times_bytes(high < 0 ? std::max(low - 1, 0) : high, std::max(c.shortest, 1)));
        return intern(e);
    }

    int32_t negate(int32_t child) {
        if (child == kEmpty) return kAll;
        if (child == kAll) return kEmpty;
        if (nodes_[child].op == Op::Not) return nodes_[child].a;
        return intern({Op::Not, !nodes_[child].nullable, true, nodes_[child].reach, child});
    }

    int32_t either(std::vector<int32_t> items) { return either(std::move(items), 0); }

    int32_t both(std::vector<int32_t> items) {
        flatten(Op::And, items);
        spend(static_cast<int64_t>(items.size()));
        std::vector<int32_t> kept;
        ByteSet common = ByteSet::all();
        bool has_set = false;
        for (int32_t id : items) {
            if (id == kEmpty) return kEmpty;
            if (id == kAll) continue;
            if (nodes_[id].op == Op::Bytes) {
                common = common & set_of(id);
                has_set = true;
            } else {
                kept.push_back(id);
            }
        }
        if (has_set) kept.push_back(bytes(common));
        sort_unique(kept);
        if (kept.empty()) return kAll;
        if (kept.front() == kEmpty) return kEmpty;
        if (kept.front() == kEpsilon) {
            for (int32_t id : kept)
                if (!nodes_[id].nullable) return kEmpty;
            return kEpsilon;
        }
        if (kept.size() == 1) return kept[0];
        const bool text = universe_ >= 0 && std::any_of(kept.begin(), kept.end(), [this](int32_t id) { return nodes_[id].text; });
        for (int32_t id : kept) {
            if (nodes_[id].op != Op::Not) continue;
            const int32_t outside = nodes_[id].a;
            if ((text && outside == universe_) || std::binary_search(kept.begin(), kept.end(), outside)) return kEmpty;
        }
        return intern_list(Op::And, kept);
    }

    // The whole language of the derivation of that name; see Derivations::at.
    template <class F>
    int32_t lazily(const std::string& name, F make) { return sources_.at(name, make).start(); }
    std::string new_name() const { return "derivation " + std::to_string(sources_.all.size()); }
    void hold(size_t bytes) { held_ += static_cast<int64_t>(bytes); }   // memory that a derivation takes

    int32_t lazy(int32_t source, int32_t state) {
        const bool nullable = sources_.all[source]->accepts(state);
        return intern({Op::Lazy, nullable, !sources_.all[source]->sure(), 0, source, state, 0, -1, nullable ? 0 : 1});
    }

    // A lower bound of the lengths of texts that is worked out, where `shortest` only says what is known at once.
    int32_t nearest(int32_t id) const {
        const Expr& e = nodes_[id];
        if (e.op != Op::Or && e.op != Op::And) return nearest_part(id);
        int32_t result = e.op == Op::Or ? kManyBytes : 0;
        for (int32_t i = e.a; i < e.a + e.b; ++i)
            result = e.op == Op::Or ? std::min(result, nearest_part(args_[i])) : std::max(result, nearest(args_[i]));
        return result;
    }

    // A language R* that takes in whole what is made of parts of it: a union with it drops them, and so does a concatenation
    // of what may be empty with it. `mark_text(id)` says that a language is in it; what is joined of such parts by concatenation, union and repetition is, too.
    void set_universe(int32_t id) { universe_ = id; }
    void mark_text(int32_t id) { nodes_[id].text = true; }

    // Whether it is plain to see that each text of the universe begins some text of a language, and is none itself: it has the
    // universe before something, and all its texts end with a byte of `ends`, which texts of the universe do not end with.
    bool takes_any_text(int32_t id, const ByteSet& ends) const { return universe_ >= 0 && opens(id, 0) && ends_with(id, ends, 0); }

    // The derivatives of `id` by all bytes: disjoint sets, targets never kEmpty; bytes in no set lead to kEmpty.
    Partition derive(int32_t id) {
        forget_some();
        return derive(id, 0);
    }

    // Frees some of the memo, before the rest goes; false: there is none left.
    bool dismantle(size_t count) {
        for (; count > 0 && !derived_order_.empty(); --count) {
            derived_[derived_order_.front()].reset();
            derived_order_.pop_front();
        }
        return !derived_order_.empty();
    }

    // Work of one call from outside, in visits of small things.
    void begin() { work_.begin(); }
    void spend(int64_t steps) { work_.spend(steps); }
    Work& work() { return work_; }

    // The same texts of at most `bytes` bytes, with counts that cannot matter within them removed, and perhaps more longer ones.
    // Where And is in it, what begins one of those may begin none of the expression's own.
    int32_t clamp(int32_t id, int32_t bytes) { return clamp(id, bytes, 0); }

  private:
    static void sort_unique(std::vector<int32_t>& v) {
        std::sort(v.begin(), v.end());
        v.erase(std::unique(v.begin(), v.end()), v.end());
    }

    void deeper(int depth) const {
        if (depth > limits_.expression_depth()) throw LimitError("depth", static_cast<double>(limits_.depth), "nested expression");
    }

    int32_t pair(int32_t head, int32_t tail) {
        if (head == kEmpty || tail == kEmpty) return kEmpty;
        if (head == kEpsilon) return tail;
        if (tail == kEpsilon) return head;
        if (head == kAll && nodes_[tail].op == Op::Concat && nodes_[tail].a == kAll) return tail;
        if (head == kAll && tail == kAll) return kAll;
        const Expr &h = nodes_[head], &t = nodes_[tail];
        if (universe_ >= 0 && h.nullable && h.text && (tail == universe_ || (t.op == Op::Concat && t.a == universe_))) return tail;
        return intern({Op::Concat, h.nullable && t.nullable, h.boolean || t.boolean, std::max(h.reach, t.reach), head, tail, 0, -1,
                       std::min(kManyBytes, h.shortest + t.shortest)});
    }

    void flatten(Op op, std::vector<int32_t>& items) const {
        for (size_t i = 0; i < items.size(); ++i)
            while (nodes_[items[i]].op == op) {
                const Expr e = nodes_[items[i]];
                items[i] = args_[e.a];
                items.insert(items.end(), args_.begin() + e.a + 1, args_.begin() + e.a + e.b);
            }
    }

    int32_t nearest_part(int32_t id) const {
        const Expr& head = nodes_[head_of(id)];
        return head.op == Op::Lazy ? sources_.all[head.a]->nearest(head.b) + nodes_[tail_of(id)].shortest : nodes_[id].shortest;
    }

    static constexpr int kPlain = 64;   // parts and levels of what is "plain to see"

    bool opens(int32_t id, int depth) const {
        for (; depth < kPlain; ++depth) {
            const Expr& e = nodes_[id];
            if (id == universe_) return true;
            if (e.op == Op::Or) return e.b <= kPlain && some_part_opens(e, depth + 1);
            if (e.op != Op::Concat || !nodes_[e.b].sure) return false;
            const Expr& head = nodes_[e.a];
            if (e.a == universe_ || (head.op == Op::Or && head.b <= kPlain && some_part_opens(head, depth + 1))) return true;
            if (!head.nullable) return false;
            id = e.b;
        }
        return false;
    }

    bool some_part_opens(const Expr& e, int depth) const {
        return std::any_of(args_.begin() + e.a, args_.begin() + e.a + e.b, [&](int32_t part) { return opens(part, depth); });
    }

    bool ends_with(int32_t id, const ByteSet& ends, int depth) const {
        for (; depth < kPlain && nodes_[id].op == Op::Concat; ++depth) id = nodes_[id].b;
        const Expr& e = nodes_[id];
        if (e.op == Op::Bytes) return set_of(id).subset_of(ends);
        if (e.op != Op::Or || depth >= kPlain || e.b > kPlain) return false;
        return std::all_of(args_.begin() + e.a, args_.begin() + e.a + e.b, [&](int32_t part) { return ends_with(part, ends, depth + 1); });
    }

    int32_t head_of(int32_t id) const { return nodes_[id].op == Op::Concat ? nodes_[id].a : id; }
    int32_t tail_of(int32_t id) const { return nodes_[id].op == Op::Concat ? nodes_[id].b : kEpsilon; }

    // Common heads are taken out of kFactored levels at most: it is a simplification, and recurses along equal prefixes.
    int32_t either(std::vector<int32_t> items, int depth) {
        for (;;) {
            flatten(Op::Or, items);
            spend(static_cast<int64_t>(items.size()) * kSorting);
            sort_unique(items);
            if (!items.empty() && items.front() == kEmpty) items.erase(items.begin());
            if (items.empty()) return kEmpty;
            if (items.size() == 1) return items[0];
            if (std::binary_search(items.begin(), items.end(), kAll)) return kAll;
            if (universe_ >= 0 && std::binary_search(items.begin(), items.end(), universe_)) {
                auto inside = [this](int32_t id) { return id != universe_ && (id == kEpsilon || nodes_[id].text); };
                items.erase(std::remove_if(items.begin(), items.end(), inside), items.end());
                if (items.size() == 1) return items[0];
            }
            absorb(items);
            if (items.size() == 1) return items[0];
            if (!(merge_sets(items) || merge_repeats(items) || (depth < kFactored && factor(items, depth)))) break;
        }
        if (items.front() == kEpsilon) {
            for (size_t i = 1; i < items.size(); ++i)
                if (nodes_[items[i]].nullable) return either({items.begin() + 1, items.end()}, depth);
            if (items.size() == 2 && nodes_[items[1]].op == Op::Repeat && nodes_[items[1]].low == 1)
                return repeat(nodes_[items[1]].a, 0, nodes_[items[1]].high);
        }
        return intern_list(Op::Or, items);
    }

    // (x & y) | x  ->  x, also where x is a union of which all parts are there. Items are sorted.
    void absorb(std::vector<int32_t>& items) const {
        auto there = [&](int32_t id) { return std::binary_search(items.begin(), items.end(), id); };
        auto covered = [&](int32_t id) {
            const Expr& e = nodes_[id];
            return there(id) || (e.op == Op::Or && std::all_of(args_.begin() + e.a, args_.begin() + e.a + e.b, there));
        };
        std::vector<int32_t> gone;
        for (int32_t id : items) {
            const Expr& e = nodes_[id];
            if (e.op == Op::And && std::any_of(args_.begin() + e.a, args_.begin() + e.a + e.b, covered)) gone.push_back(id);
        }
        for (int32_t id : gone) items.erase(std::lower_bound(items.begin(), items.end(), id));
    }

    // [a] t | [b] t  ->  [ab] t
    bool merge_sets(std::vector<int32_t>& items) {
        std::vector<std::pair<int32_t, int32_t>> found;  // tail, item
        for (int32_t id : items)
            if (nodes_[head_of(id)].op == Op::Bytes) found.emplace_back(tail_of(id), id);
        return merge_groups(items, found, [this](int32_t tail, const std::vector<int32_t>& group) {
            ByteSet all;
            for (int32_t id : group) all = all | set_of(head_of(id));
            return pair(bytes(all), tail);
        });
    }

    // h t | h u  ->  h (t | u)
    bool factor(std::vector<int32_t>& items, int depth) {
        std::vector<std::pair<int32_t, int32_t>> found;  // head, item
        for (int32_t id : items)
            if (id != kEpsilon) found.emplace_back(head_of(id), id);
        return merge_groups(items, found, [this, depth](int32_t head, const std::vector<int32_t>& group) {
            std::vector<int32_t> tails;
            for (int32_t id : group) tails.push_back(tail_of(id));
            return pair(head, either(std::move(tails), depth + 1));
        });
    }

    // x{a,b} t | x{c,d} t  ->  x{min,max} t where the intervals overlap or touch
    bool merge_repeats(std::vector<int32_t>& items) {
        bool changed = false;
        for (size_t i = 0; i < items.size(); ++i) {
            if (nodes_[head_of(items[i])].op != Op::Repeat) continue;
            for (size_t j = i + 1; j < items.size();) {
                const Expr p = nodes_[head_of(items[i])], q = nodes_[head_of(items[j])];
                bool same = q.op == Op::Repeat && p.a == q.a && tail_of(items[i]) == tail_of(items[j]);
                bool touch = same && (q.high < 0 || p.low <= q.high + 1) && (p.high < 0 || q.low <= p.high + 1);
                if (!touch) {
                    ++j;
                    continue;
                }
                int32_t high = p.high < 0 || q.high < 0 ? -1 : std::max(p.high, q.high);
                items[i] = pair(repeat(p.a, std::min(p.low, q.low), high), tail_of(items[i]));
                items.erase(items.begin() + j);
                changed = true;
            }
        }
        return changed;
    }

    template <class F>
    bool merge_groups(std::vector<int32_t>& items, std::vector<std::pair<int32_t, int32_t>>& found, F merged) {
        std::sort(found.begin(), found.end());
        std::vector<int32_t> gone, made, group;
        for (size_t i = 0; i < found.size();) {
            size_t j = i;
            while (j < found.size() && found[j].first == found[i].first) ++j;
            if (j - i > 1) {
                group.clear();
                for (size_t k = i; k < j; ++k) group.push_back(found[k].second);
                made.push_back(merged(found[i].first, group));
                gone.insert(gone.end(), group.begin(), group.end());
            }
            i = j;
        }
        if (gone.empty()) return false;
        std::sort(gone.begin(), gone.end());
        std::vector<int32_t> kept;
        std::set_difference(items.begin(), items.end(), gone.begin(), gone.end(), std::back_inserter(kept));
        kept.insert(kept.end(), made.begin(), made.end());
        items.swap(kept);
        return true;
    }

    // Parts are shared, also between nested repetitions that are written out: without a memo the work would be exponential.
    Partition derive(int32_t id, int depth) {
        const Expr e = nodes_[id];
        if (e.op == Op::Bytes) return {{sets_[e.a], kEpsilon}};
        if (is_derived(id)) return *derived_[id];
        deeper(depth);
        Partition parts = e.op == Op::Concat ? derive_concat(id, depth) : derive_other(e, depth);
        remember(id, parts);
        return parts;
    }

    void remember(int32_t id, const Partition& parts) {
        spend(static_cast<int64_t>(parts.size()) + 1);
        derived_.grow(static_cast<size_t>(size()));
        if (derived_[id]) return;
        derived_parts_ += static_cast<int64_t>(parts.size()) + 2;
        derived_[id] = std::make_unique<Partition>(parts);
        derived_order_.push_back(id);
    }

    bool is_derived(int32_t id) const { return static_cast<size_t>(id) < derived_.size() && derived_[id]; }

    // The oldest of the memo goes, a few at a time.
    void forget_some() {
        while (derived_parts_ > kDerivedParts && !derived_order_.empty()) {
            auto& oldest = derived_[derived_order_.front()];
            derived_parts_ -= static_cast<int64_t>(oldest->size()) + 2;
            oldest.reset();
            derived_order_.pop_front();
        }
    }

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
            result = result.empty() ? std::move(parts) : join({std::move(parts), std::move(result)});
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
                std::vector<Partition> all;
                for (int32_t i = 0; i < e.b; ++i) all.push_back(derive(args_[e.a + i], depth + 1));
                return join(all);
            }
            case Op::And: {
                Partition parts = derive(args_[e.a], depth + 1);
                for (int32_t i = 1; i < e.b && !parts.empty(); ++i) parts = meet(parts, derive(args_[e.a + i], depth + 1));
                return parts;
            }
            case Op::Not: {
                Partition parts = derive(e.a, depth + 1), result;
                ByteSet rest = ByteSet::all();
                for (auto& part : parts) {
                    rest = rest - part.first;
                    int32_t target = negate(part.second);
                    if (target != kEmpty) result.emplace_back(part.first, target);
                }
                if (!rest.empty()) result.emplace_back(rest, kAll);
                return result;
            }
            case Op::Lazy: return sources_.all[e.a]->derive(e.b);
            default: return {};
        }
    }

    // Partition of a union: per byte the targets of all parts, grouped by equal target lists.
    Partition join(const std::vector<Partition>& all) {
        if (all.size() == 2 && all[0].size() * all[1].size() <= 16) return join_two(all[0], all[1]);
        std::vector<int32_t> targets[256];
        for (const auto& parts : all)
            for (const auto& part : parts)
                part.first.each([&](uint8_t b) { targets[b].push_back(part.second); });
        std::vector<std::pair<std::vector<int32_t>, ByteSet>> groups;
        std::unordered_map<uint64_t, std::vector<size_t>> by_hash;
        for (int b = 0; b < 256; ++b) {
            if (targets[b].empty()) continue;
            uint64_t h = targets[b].size();
            for (int32_t t : targets[b]) h = mix(h, t);
            auto& bucket = by_hash[h];
            size_t at = groups.size();
            for (size_t g : bucket)
                if (groups[g].first == targets[b]) at = g;
            if (at == groups.size()) {
                bucket.push_back(at);
                groups.emplace_back(std::move(targets[b]), ByteSet{});
            }
            groups[at].second.add(static_cast<uint8_t>(b));
        }
        Partition result;
        for (auto& group : groups)
            result.emplace_back(group.second, group.first.size() == 1 ? group.first[0] : either(std::move(group.first)));
        return result;
    }

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

    int32_t intern(const Expr& e) {
        const uint64_t h = key_hash(e);
        const int32_t known = index_.find(h, [&](int32_t id) {
            const Expr& o = nodes_[id];
            return o.op == e.op && o.a == e.a && o.b == e.b && o.low == e.low && o.high == e.high;
        });
        return known >= 0 ? known : add(e, h);
    }

    int32_t intern_list(Op op, const std::vector<int32_t>& items) {
        uint64_t h = mix(static_cast<uint64_t>(op), items.size());
        for (int32_t id : items) h = mix(h, id);
        const int32_t known = index_.find(h, [&](int32_t id) {
            const Expr& o = nodes_[id];
            return o.op == op && o.b == static_cast<int32_t>(items.size()) && std::equal(items.begin(), items.end(), args_.begin() + o.a);
        });
        if (known >= 0) return known;
        Expr e{op, op == Op::And, op == Op::And, 0, static_cast<int32_t>(args_.size()), static_cast<int32_t>(items.size())};
        e.shortest = op == Op::And ? 0 : kManyBytes;
        for (int32_t id : items) {
            const Expr& c = nodes_[id];
            e.nullable = op == Op::And ? e.nullable && c.nullable : e.nullable || c.nullable;
            e.boolean |= c.boolean;
            e.reach = std::max(e.reach, c.reach);
            e.shortest = op == Op::And ? std::max(e.shortest, c.shortest) : std::min(e.shortest, c.shortest);
        }
        work_.hold(static_cast<int64_t>(items.size() * sizeof(int32_t)));
        args_.insert(args_.end(), items.begin(), items.end());
        return add(e, h);
    }

    int32_t add(const Expr& e, uint64_t hash) {
        if (size() >= limits_.expressions) throw LimitError("expressions", static_cast<double>(limits_.expressions), "");
        work_.hold(sizeof(Expr));
        int32_t id = static_cast<int32_t>(nodes_.size());
        nodes_.push_back(e);
        settle(nodes_.back());
        index_.insert(hash, id);
        return id;
    }

    // What follows from the parts: what has to be worked out, that there is a text, and that all texts are in the universe.
    void settle(Expr& e) const {
        auto text = [this](int32_t id) { return id == kEpsilon || nodes_[id].text; };
        auto sure = [this](int32_t id) { return nodes_[id].sure || !nodes_[id].boolean; };
        auto lazy = [this](int32_t id) { return nodes_[id].lazy; };
        e.lazy = e.op == Op::Lazy || (e.op == Op::Concat && (lazy(e.a) || lazy(e.b))) || (e.op == Op::Repeat && lazy(e.a)) ||
                 (e.op == Op::Or && std::any_of(args_.begin() + e.a, args_.begin() + e.a + e.b, lazy));
        if (e.op == Op::Concat) e.text = text(e.a) && text(e.b), e.sure = sure(e.a) && sure(e.b);
        if (e.op == Op::Repeat) e.text = text(e.a), e.sure = sure(e.a);
        if (e.op == Op::Or) {
            e.text = std::all_of(args_.begin() + e.a, args_.begin() + e.a + e.b, text);
            e.sure = std::any_of(args_.begin() + e.a, args_.begin() + e.a + e.b, sure);
        }
        if (e.op == Op::And) e.text = std::any_of(args_.begin() + e.a, args_.begin() + e.a + e.b, text);
        e.sure |= e.nullable || !e.boolean;
    }

    Limits limits_;
    Work work_;
    Paged<Expr> nodes_;
    std::vector<int32_t> args_;
    std::vector<ByteSet> sets_;
    IdTable index_;
    std::unordered_map<uint64_t, std::vector<int32_t>> set_index_;
    std::unordered_map<uint64_t, int32_t> clamped_;
    Paged<std::unique_ptr<Partition>> derived_;   // memo, by expression; the oldest are dropped when it grows large
    std::deque<int32_t> derived_order_;
    Derivations sources_;
    int32_t universe_ = -1;
    int64_t derived_parts_ = 0, held_ = 0;
};

}  // namespace guidedgen
