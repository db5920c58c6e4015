// Smart constructors of expressions: what is built is simplified, so that expressions which the rules below can show equal
// have the same id, and ids serve as automaton states.
//
// Unions and intersections are sorted lists without repetition; concatenations nest to the right; counted repetition is never
// unrolled. Source of the similarity rules: Brzozowski, "Derivatives of Regular Expressions", JACM 1964.
#pragma once

#include "expression_table.h"

namespace guidedgen {

class ExpressionForms : public ExpressionTable {
  public:
    static constexpr int kFactored = 256;               // levels of common heads that are taken out at once
    static constexpr int64_t kSorting = 8;              // steps that an item of a union counts for

    using ExpressionTable::ExpressionTable;

    int32_t literal(const uint8_t* text, size_t length) {
        int32_t result = kEpsilon;
        for (size_t i = length; i-- > 0;) result = pair(bytes(ByteSet::single(text[i])), result);
        return result;
    }

    // Any of some texts, which share the expressions of what they begin with from the start.
    int32_t literals(std::vector<std::string> texts) {
        std::sort(texts.begin(), texts.end());
        texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
        return literals(texts, 0, texts.size(), 0);
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
    Derivation& derivation(int32_t source) { return *sources_.all[source]; }
    Derivation& derivation(const std::string& name) { return *sources_.all[sources_.names.at(name)]; }
    std::string new_name() const { return "derivation " + std::to_string(sources_.all.size()); }

    int32_t lazy(int32_t source, int32_t state) {
        const bool nullable = sources_.all[source]->accepts(state);
        const Derivation& d = *sources_.all[source];
        const bool sure = d.sure() && (prints_ || d.knows_bytes());
        return intern({Op::Lazy, nullable, !sure, 0, source, state, 0, -1, nullable ? 0 : 1});
    }

  protected:
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

  private:
    static void sort_unique(std::vector<int32_t>& v) {
        std::sort(v.begin(), v.end());
        v.erase(std::unique(v.begin(), v.end()), v.end());
    }

    void flatten(Op op, std::vector<int32_t>& items) const {
        for (size_t i = 0; i < items.size(); ++i)
            while (nodes_[items[i]].op == op) {
                const Expr e = nodes_[items[i]];
                items[i] = args_[e.a];
                items.insert(items.end(), args_.begin() + e.a + 1, args_.begin() + e.a + e.b);
            }
    }

    // Common heads are taken out of kFactored levels at most: it is a simplification, and recurses along equal prefixes.
    // Of sorted texts that agree in their first bytes, what comes behind those.
    int32_t literals(const std::vector<std::string>& texts, size_t from, size_t to, size_t shared) {
        const auto tail = [&](size_t at, size_t behind) {
            return literal(reinterpret_cast<const uint8_t*>(texts[at].data()) + behind, texts[at].size() - behind);
        };
        if (from == to) return kEmpty;
        if (from + 1 == to || shared >= kFactored) {
            std::vector<int32_t> tails;
            for (size_t i = from; i < to; ++i) tails.push_back(tail(i, shared));
            return either(std::move(tails));
        }
        std::vector<int32_t> options;
        if (texts[from].size() == shared) {
            options.push_back(kEpsilon);
            ++from;
        }
        while (from < to) {
            size_t end = from + 1;
            while (end < to && texts[end][shared] == texts[from][shared]) ++end;
            const auto byte = static_cast<uint8_t>(texts[from][shared]);
            options.push_back(pair(bytes(ByteSet::single(byte)), literals(texts, from, end, shared + 1)));
            from = end;
        }
        return either(std::move(options));
    }

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
            return there(id) || (e.op == Op::Or && all_parts(e, there));
        };
        std::vector<int32_t> gone;
        for (int32_t id : items) {
            const Expr& e = nodes_[id];
            if (e.op == Op::And && any_part(e, covered)) gone.push_back(id);
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
};

}  // namespace guidedgen
