// Expressions that say what their texts oblige the rest to: `longest(A, R)` has the texts of A, and after one of them, w, no
// non-empty text v with w v in R may begin what follows.
//
// A and R are derived side by side; what is left of R at the end of a text, without its empty text, is the obligation that
// it leaves. Such an expression is always the whole of a lexeme, never a part of another one. A third operand, a ban, takes
// texts away by the obligation that they leave: those after which nothing could follow.
#pragma once

#include <set>

#include "expression_forms.h"

namespace guidedgen {

class ExpressionLongest : public ExpressionForms {
  public:
    static constexpr int32_t kNoBan = 0;

    using ExpressionForms::ExpressionForms;

    int32_t longest(int32_t accepted, int32_t tracked, int32_t ban = kNoBan) {
        tracked = nonempty(tracked);
        if (accepted == kEmpty) return kEmpty;
        if (tracked == kEmpty) return bans_[ban].count(kFree) ? kEmpty : accepted;
        const Expr& a = nodes_[accepted];
        Expr e{Op::Longest, a.nullable && !bans_[ban].count(tracked), a.boolean || ban != kNoBan, 0, accepted, tracked, ban, -1, a.shortest};
        return intern(e);
    }

    bool is_longest(int32_t id) const { return nodes_[id].op == Op::Longest; }
    int32_t accepted(int32_t id) const { return is_longest(id) ? nodes_[id].a : id; }
    int32_t tracked(int32_t id) const { return is_longest(id) ? nodes_[id].b : kEmpty; }

    // What stands for "no obligation" in a ban, and the number of a ban of some obligations.
    static constexpr int32_t kFree = -1;
    int32_t ban_of(std::set<int32_t> obligations) {
        const auto known = std::find(bans_.begin(), bans_.end(), obligations);
        if (known != bans_.end()) return static_cast<int32_t>(known - bans_.begin());
        work_.hold(static_cast<int64_t>(obligations.size() * 48 + 48));
        bans_.push_back(std::move(obligations));
        return static_cast<int32_t>(bans_.size()) - 1;
    }
    const std::set<int32_t>& banned(int32_t ban) const { return bans_[ban]; }

    // The language without the empty text.
    int32_t nonempty(int32_t id) {
        if (!nodes_[id].nullable) return id;
        auto known = nonempty_.find(id);
        if (known != nonempty_.end()) return known->second;
        const int32_t result = without_empty(id, 0);
        nonempty_.emplace(id, result);
        return result;
    }

  protected:
    // Derivatives of both, side by side; bytes that end `tracked` leave what is accepted without obligation.
    Partition meet_longest(const Expr& e, const Partition& accepted, const Partition& tracked) {
        Partition result;
        for (const auto& a : accepted) {
            ByteSet rest = a.first;
            for (const auto& t : tracked) {
                const ByteSet common = a.first & t.first;
                if (common.empty()) continue;
                rest = rest - common;
                add_part(result, common, longest(a.second, t.second, e.low));
            }
            if (!rest.empty()) add_part(result, rest, longest(a.second, kEmpty, e.low));
        }
        return result;
    }

  private:
    static constexpr int kUnfolded = 64;   // levels of what may be empty that are written out without it

    static void add_part(Partition& parts, const ByteSet& bytes, int32_t target) {
        if (target != kEmpty) parts.emplace_back(bytes, target);
    }

    int32_t without_empty(int32_t id, int depth) {
        const Expr e = nodes_[id];
        if (!e.nullable) return id;
        if (id == kEpsilon) return kEmpty;
        if (id == kAll) return concat(bytes(ByteSet::all()), kAll);
        if (e.op == Op::Not) return negate(either({e.a, kEpsilon}));
        if (e.op == Op::Repeat) return repeat(nodes_[e.a].nullable ? without(e.a, depth + 1) : e.a, 1, e.high);
        if (e.op == Op::Concat && depth < kUnfolded) return either({concat(without(e.a, depth + 1), e.b), without(e.b, depth + 1)});
        if (e.op == Op::Or && depth < kUnfolded) {
            std::vector<int32_t> items;
            for (int32_t i = 0; i < e.b; ++i) items.push_back(without(args_[e.a + i], depth + 1));
            return either(std::move(items));
        }
        return both({id, negate(kEpsilon)});
    }

    int32_t without(int32_t id, int depth) { return nodes_[id].nullable ? without_empty(id, depth) : id; }

    std::vector<std::set<int32_t>> bans_{{}};
    std::unordered_map<int32_t, int32_t> nonempty_;
};

}  // namespace guidedgen
