// The least number of bytes that complete a value, an array or an object.
//
// Exact for conjunctions, and for other formulas as long as the search stays within its budget; then it is the length of
// some completion. Source of the search through items: Dijkstra, "A note on two problems in connexion with graphs", 1959.
#pragma once

#include <queue>

#include "json_layout.h"
#include "json_sat.h"

namespace guidedgen {

class Costs {
  public:
    Costs(Meaning& meaning, Progress& progress, Satisfiability& sat, JsonLayout& layout)
        : meaning_(meaning), progress_(progress), sat_(sat), layout_(layout), formulas_(meaning.formulas()) {}

    // Bytes of the shortest text that an expression holds. What cannot be written, a comma say, is wanted nowhere and costs nothing.
    int64_t length(int32_t expr) {
        if (expr == Expressions::kEpsilon || expr == Expressions::kEmpty) return 0;
        return meaning_.lexer().distance(meaning_.state(expr));
    }

    // Of a value that satisfies a goal, without whitespace around it; kFar where there is none.
    int64_t value(int32_t goal) {
        auto known = values_.find(goal);
        if (known != values_.end()) {
            if (known->second >= 0) return known->second;
            lowest_ = std::min(lowest_, static_cast<int32_t>(-1 - known->second));
            return kFar;
        }
        if (!sat_.goal(goal)) return values_[goal] = kFar;
        const int32_t place = depth_++, outer = lowest_;
        values_[goal] = -1 - place;
        lowest_ = INT32_MAX;
        int64_t best = kFar;
        try {
            best = best_kind(goal);
        } catch (...) {
            values_.erase(goal);
            --depth_;
            lowest_ = outer;
            throw;
        }
        --depth_;
        // What was found while something further out was not known yet may not be the least.
        if (lowest_ >= place) values_[goal] = best;
        else values_.erase(goal);
        lowest_ = std::min(outer, lowest_ < place ? lowest_ : INT32_MAX);
        return best;
    }

    // Of the rest of an array, with its bracket.
    int64_t items(int32_t f, int level, bool first) {
        if (f == Formulas::kFalse) return kFar;
        if (progress_.holds_at_end(f)) return length(first ? layout_.close_empty(']') : layout_.close(level, ']'));
        int64_t rest = more_items(f, level);
        return first && rest < kFar ? rest - length(layout_.before(level, false)) + length(layout_.before(level, true)) : rest;
    }

    // Of the rest of an object, with its brace.
    int64_t members(int32_t f, const Rest& rest, int level, bool first) {
        if (f == Formulas::kFalse) return kFar;
        if (progress_.holds_at_end(f)) return length(first ? layout_.close_empty('}') : layout_.close(level, '}'));
        int64_t sum = more_members(f, rest, level);
        if (sum >= kFar) return kFar;
        if (first) sum += length(layout_.before(level, true)) - length(layout_.before(level, false));
        return sum + length(layout_.close(level, '}'));
    }

  private:
    static constexpr int64_t kBudget = 2'000, kHardBudget = 100'000;   // steps of a search after its first find; before it
    static constexpr int64_t kLeastMember = 5;                          // bytes of a member, with its comma

    int64_t best_kind(int32_t goal) {
        int64_t best = kFar;
        for (Kind kind : {Kind::Null, Kind::True, Kind::False})
            if (meaning_.expand(goal, kind) == Formulas::kTrue) best = std::min<int64_t>(best, kind == Kind::False ? 5 : 4);
        if (int32_t s = meaning_.bounded_strings(goal); meaning_.alive(s)) best = std::min(best, 2 + length(s));
        if (int32_t n = meaning_.bounded_numbers(goal); meaning_.alive(n)) best = std::min(best, length(n));
        if (best <= 2) return best;
        if (int32_t a = sat_.items_of(goal); a != Formulas::kFalse) best = std::min(best, 1 + items(a, 0, true));
        if (best <= 2) return best;
        const int32_t object = meaning_.expand(goal, Kind::Object);
        if (object == Formulas::kFalse) return best;
        for (int32_t o : sat_.alternatives(object)) {
            Rest rest;
            rest.object = true;
            rest.plan = progress_.plan_of({o});
            best = std::min(best, 1 + members(o, rest, 0, true));
        }
        return best;
    }

    int64_t more_items(int32_t f, int level) {
        auto known = items_.find(f);
        if (known != items_.end()) return known->second;
        const int64_t comma = length(layout_.before(level, false)), end = length(layout_.close(level, ']'));
        using Entry = std::pair<int64_t, int32_t>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queue;
        std::unordered_map<int32_t, std::pair<int64_t, int32_t>> reached{{f, {0, -1}}};
        queue.emplace(0, f);
        const int32_t outer = lowest_;
        lowest_ = INT32_MAX;
        int64_t best = kFar;
        for (int64_t budget = kBudget; !queue.empty() && budget > 0; --budget) {
            auto [cost, now] = queue.top();
            queue.pop();
            if (cost > reached[now].first) continue;
            if (progress_.holds_at_end(now)) {
                best = cost + end;
                if (lowest_ == INT32_MAX)
                    for (int32_t at = now; at >= 0; at = reached[at].second)
                        if (!progress_.holds_at_end(at)) items_[at] = best - reached[at].first;
                break;
            }
            for (const Outcome& o : sat_.outcomes({progress_.after_item(now)}, {})) {
                const int32_t next = progress_.with_value(o.tuple[0], Progress::kSomeValue);
                const int64_t total = std::min(kFar, cost + comma + value(o.goal));
                auto at = reached.emplace(next, std::make_pair(kFar, -1)).first;
                if (total >= at->second.first) continue;
                at->second = {total, now};
                queue.emplace(total, next);
            }
        }
        lowest_ = std::min(outer, lowest_);
        return best;
    }

    // A member with its comma.
    int64_t member(int32_t key_class, int32_t goal, int level) {
        if (goal == Formulas::kFalse) return kFar;
        const int32_t key = progress_.key(key_class);
        const bool plain = key >= 0 && meaning_.lexer().expressions().complete();
        const int64_t name = plain ? static_cast<int64_t>(Meaning::plain_spelling(meaning_.table().text(key)).size())
                                   : length(key >= 0 ? meaning_.spelled({meaning_.table().text(key)}) : progress_.content(key_class));
        return std::min(kFar, length(layout_.before(level, false)) + 2 + name + length(layout_.colon()) + value(goal));
    }

    int64_t more_members(int32_t f, const Rest& rest, int level) {
        const Members m = sat_.members(f);
        if (m.simple()) return simple_members(m, rest, level);
        Search all{sat_.useful_places(f, rest), level};
        search(f, rest, 0, 0, all);
        return all.best;
    }

    int64_t simple_members(const Members& m, const Rest& rest, int level) {
        const Plan& plan = progress_.plan(rest.plan);
        std::vector<int32_t> required;
        if (m.required != Formulas::kTrue) required = formulas_.args(m.required);
        int64_t sum = 0, missing = 0;
        for (int32_t key : required) {
            const int32_t place = plan.index.at(key);
            if (!sat_.available(rest, place)) return kFar;
            sum = std::min(kFar, sum + member(plan.declared[place], sat_.member_goal(m.forms, plan.declared[place]), level));
            ++missing;
        }
        if (m.low <= missing) return sum;
        std::vector<int64_t> others;
        for (size_t place = 0; place < plan.declared.size(); ++place) {
            const int32_t id = plan.declared[place];
            if (!sat_.available(rest, static_cast<int32_t>(place))) continue;
            if (std::binary_search(required.begin(), required.end(), progress_.key(id))) continue;
            others.push_back(member(id, sat_.member_goal(m.forms, id), level));
        }
        int64_t each = kFar;
        for (int32_t id : plan.others) each = std::min(each, member(id, sat_.member_goal(m.forms, id), level));
        std::sort(others.begin(), others.end());
        int64_t more = m.low - missing;
        for (size_t i = 0; more > 0 && i < others.size() && others[i] <= each; ++i, --more) sum = std::min(kFar, sum + others[i]);
        return more > 0 ? std::min(kFar, sum + far_times(each, more)) : sum;
    }

    // The search for the cheapest members that make a formula true: what it shares, and the best that was found.
    struct Search {
        const std::vector<int32_t> useful;
        int level;
        int64_t best = kFar, budget = kBudget;
    };

    void search(int32_t f, const Rest& rest, size_t from, int64_t cost, Search& all) {
        if (f == Formulas::kFalse || cost >= all.best || (--all.budget < 0 && all.best < kFar)) return;
        if (all.budget < -kHardBudget) throw fixed_limit("steps", kHardBudget, "the search for a completion of an object");
        if (progress_.holds_at_end(f)) {
            all.best = cost;
            return;
        }
        const Members m = sat_.members(f);
        if (m.simple()) {
            all.best = std::min(all.best, cost + simple_members(m, rest, all.level));
            return;
        }
        const int32_t must = first_required(m, rest);
        if (must >= 0) {
            if (!sat_.available(rest, must) || cost + kLeastMember * formulas_.at(m.required).count >= all.best) return;
            // What has to come may come first where the order is free; else nothing behind it may come before it.
            if (sat_.any_order()) return take(f, rest, must, from, cost, all);
        }
        bool tried = false;
        for (size_t i = from; i < all.useful.size(); ++i) {
            const int32_t place = all.useful[i];
            if (must >= 0 && (place < 0 || place > must)) break;
            tried |= place == must;
            if (place < 0 || sat_.available(rest, place)) take(f, rest, place, place >= 0 ? i + 1 : i, cost, all);
        }
        if (must >= 0 && !tried) take(f, rest, must, from, cost, all);
    }

    // The place of the first name that certainly has to come, or -1.
    int32_t first_required(const Members& m, const Rest& rest) const {
        if (m.required == Formulas::kTrue) return -1;
        const Plan& plan = progress_.plan(rest.plan);
        const Formula r = formulas_.at(m.required);
        int32_t first = INT32_MAX;
        for (int32_t i = 0; i < r.count; ++i) first = std::min(first, plan.index.at(formulas_.arg(r, i)));
        return first;
    }

    // Goes on behind a member.
    void take(int32_t f, const Rest& rest, int32_t place, size_t from, int64_t cost, Search& all) {
        const Plan& plan = progress_.plan(rest.plan);
        const int32_t id = place >= 0 ? plan.declared[place] : plan.others[-1 - place];
        const int32_t next = progress_.after_key(f, id);
        if (next == Formulas::kFalse || next == f) return;
        const Rest after = sat_.after(rest, place >= 0 ? place : -1);
        for (const Outcome& o : sat_.outcomes({next}, after)) {
            if (o.tuple[0] == f) continue;
            search(o.tuple[0], after, from, std::min(kFar, cost + member(id, o.goal, all.level)), all);
        }
    }

    Meaning& meaning_;
    Progress& progress_;
    Satisfiability& sat_;
    JsonLayout& layout_;
    Formulas& formulas_;
    int32_t depth_ = 0, lowest_ = INT32_MAX;
    std::unordered_map<int32_t, int64_t> values_;   // below 0: -1 - place among the searches under way
    std::unordered_map<int32_t, int64_t> items_;
};

}  // namespace guidedgen
