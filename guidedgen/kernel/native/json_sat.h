// Whether something can still be completed: goals (formulas about a value), and what is left of arrays and objects.
//
// A goal is a formula over variables; a rest is a tuple of formulas over atoms, of which one has to hold at the end. A
// value's outcomes are the different things that it can mean for the formulas around it: disjoint goals, each with the
// rest that it leads to. Recursive schemas are least fixpoints: a value that needs itself to be finite does not exist.
// Where a search exceeds its budget the answer is "yes", and the rest is counted as not proved.
#pragma once

#include "json_alternatives.h"
#include "json_cubes.h"
#include "json_rests.h"

namespace guidedgen {

struct Outcome {
    int32_t goal;                 // over variables: what the value has to satisfy
    std::vector<int32_t> tuple;   // what is left after it
};

class Satisfiability : public Rests {
  public:
    Satisfiability(Meaning& meaning, Progress& progress, bool any_order, int64_t steps)
        : Rests(meaning, progress, any_order), cubes_(meaning, progress), steps_(steps) {}

    // What searches gave up on: formulas about items or members.
    const std::vector<int32_t>& unproved() const { return unproved_; }
    int64_t memory() const {
        const size_t entries = goals_.size() + arrays_.size() + 2 * members_.size() + member_goals_.size() + objects_.size();
        return static_cast<int64_t>(entries) * kEntry + seen_sets_.memory();
    }

    // Whether some value satisfies a goal.
    bool goal(int32_t f) {
        if (f <= Formulas::kTrue) return f == Formulas::kTrue;
        if (meaning_.plainly_some(f)) return true;
        auto known = goals_.find(f);
        if (known != goals_.end()) {
            if (known->second < 2) return known->second == 1;
            lowest_ = std::min(lowest_, known->second - 2);
            return false;
        }
        const int32_t place = depth_++;
        if (depth_ > kDeepest) throw fixed_limit("depth", kDeepest, "schemas that need one another to be satisfied");
        formulas_.work().hold(kEntry);
        goals_[f] = place + 2;
        const int32_t outer = lowest_;
        lowest_ = INT32_MAX;
        bool result = false;
        try {
            result = some_kind(f);
        } catch (...) {
            goals_.erase(f);
            --depth_;
            lowest_ = outer;
            throw;
        }
        --depth_;
        if (result || lowest_ >= place) goals_[f] = result;
        else goals_.erase(f);   // "no" under the assumption that something further out has no value either
        lowest_ = std::min(outer, !result && lowest_ < place ? lowest_ : INT32_MAX);
        return result;
    }

    bool possible(const std::vector<int32_t>& tuple, const Rest& rest) {
        return std::any_of(tuple.begin(), tuple.end(), [&](int32_t f) { return possible(f, rest); });
    }

    bool possible(int32_t f, const Rest& rest) {
        if (f == Formulas::kFalse) return false;
        if (f == Formulas::kTrue) return true;
        return rest.object ? object(f, rest) : array(f);
    }

    // What a goal says about arrays, within the bound that the caller asks for where that is known to leave something.
    int32_t items_of(int32_t goal_) {
        const int32_t all = meaning_.expand(goal_, Kind::Array);
        if (!meaning_.bounds().items() || all == Formulas::kFalse) return all;
        auto known = bounded_items_.find(goal_);
        if (known != bounded_items_.end()) return known->second;
        const size_t unproved = unproved_.size();
        const int32_t within = formulas_.both(all, formulas_.max_count(FOp::MaxItems, meaning_.bounds().most_items(goal_)));
        const bool some = possible(within, {}) && unproved_.size() == unproved;
        unproved_.resize(unproved);
        return bounded_items_[goal_] = some ? within : all;
    }

    // What the value after a key or at the next place can mean. `tuple`: formulas after the key or item, with variables.
    std::vector<Outcome> outcomes(std::vector<int32_t> tuple, const Rest& rest) {
        std::vector<Outcome> found;
        int32_t base = Formulas::kTrue;
        if (tuple.size() == 1) base = cubes_.take_literals(tuple[0]);
        if (base == Formulas::kFalse) return found;
        branch(std::move(tuple), base, rest, found);
        return found;
    }

    // Whether the value means anything at all: the same search, which ends where it finds the first outcome.
    bool some_outcome(std::vector<int32_t> tuple, const Rest& rest) {
        std::vector<Outcome> found;
        int32_t base = Formulas::kTrue;
        if (tuple.size() == 1) base = cubes_.take_literals(tuple[0]);
        if (base == Formulas::kFalse) return false;
        branch(std::move(tuple), base, rest, found, true);
        return !found.empty();
    }

    // What a member with such a key has to satisfy under Props and Names alone; kFalse where there is no such value.
    int32_t member_goal(int32_t forms, int32_t key_class) {
        const uint64_t key = (static_cast<uint64_t>(static_cast<uint32_t>(forms)) << 32) | static_cast<uint32_t>(key_class);
        auto known = member_goals_.find(key);
        if (known != member_goals_.end()) return known->second;
        int32_t after = progress_.after_key(forms, key_class);
        int32_t made = after == Formulas::kFalse ? after : cubes_.take_literals(after);
        if (!goal(made)) {
            if (lowest_ != INT32_MAX) return Formulas::kFalse;   // not for certain: depends on a search that is not finished
            made = Formulas::kFalse;
        }
        formulas_.work().hold(kEntry);
        return member_goals_[key] = made;
    }

    // Whether a simple rest that is possible stays so after a member (see `object` for the whole condition).
    bool may_take(const Members& m, const Rest& rest, int32_t place) {
        const Plan& plan = progress_.plan(rest.plan);
        int64_t missing = 0;
        if (m.required != Formulas::kTrue) {
            const Formula r = formulas_.at(m.required);
            missing = r.count;
            if (place >= 0) {
                const int32_t key = progress_.key(plan.declared[place]);
                for (int32_t i = 0; i < r.count; ++i) missing -= formulas_.arg(r, i) == key;
            }
            if (!any_order_ && missing > 0) {
                for (int32_t i = 0; i < r.count; ++i)
                    if (place < 0 || plan.index.at(formulas_.arg(r, i)) < place) return false;
            }
        }
        if (m.high >= 0 && missing + 1 > m.high) return false;
        return m.low - 1 <= missing || enough(m, after(rest, place), m.low - 1 - missing);
    }

    // The kinds of container that a formula is a disjunction of; see Alternatives.
    std::vector<int32_t> alternatives(int32_t f) {
        return alternatives_.of(f, [this](int32_t g) { return goal(g) || lowest_ != INT32_MAX; });   // "no" for certain
    }

    bool by_tag(int32_t f) const { return alternatives_.by_tag(f); }

  private:
    static constexpr int32_t kDeepest = 400;     // goals that need one another
    static constexpr int kDeepestSearch = 400;   // members or items in one search: beyond, nothing is proved
    static constexpr size_t kMostOutcomes = 4096;
    static constexpr int32_t kFewLiterals = 8;

    // What is plain to see comes first: most values may be empty containers, and then nothing in them has to be looked at.
    bool some_kind(int32_t f) {
        for (Kind kind : {Kind::Null, Kind::True, Kind::False})
            if (meaning_.expand(f, kind) == Formulas::kTrue) return true;
        const int32_t array = meaning_.expand(f, Kind::Array), object = meaning_.expand(f, Kind::Object);
        if (progress_.holds_at_end(array) || progress_.holds_at_end(object)) return true;
        if (meaning_.alive(meaning_.strings(f)) || meaning_.alive(meaning_.numbers(f))) return true;
        if (array != Formulas::kFalse && possible(array, {})) return true;
        if (object == Formulas::kFalse) return false;
        Rest rest;
        rest.object = true;
        rest.plan = progress_.plan_of({object});
        return possible(object, rest);
    }

    // Decides the variables one by one, as far as values exist for it and the rest stays possible.
    void branch(std::vector<int32_t> tuple, int32_t cube, const Rest& rest, std::vector<Outcome>& found, bool one_is_enough = false) {
        meaning_.lexer().expressions().spend(16);
        int32_t var = -1;
        for (int32_t f : tuple)
            if (var < 0 && formulas_.at(f).vars) var = cubes_.first_var(f);
        if (var < 0) {
            for (int32_t& f : tuple) f = settle(f, rest);
            if (!goal(cube) || !possible(tuple, rest)) return;
            if (!rest.object && !goal(cube = without_stuck(cube, tuple))) return;
            for (Outcome& o : found)
                if (o.tuple == tuple) {
                    o.goal = formulas_.either(o.goal, cube);
                    return;
                }
            if (found.size() >= kMostOutcomes) throw fixed_limit("states", kMostOutcomes, "combinations of what a value means for the schemas around it");
            found.push_back({cube, std::move(tuple)});
            return;
        }
        for (bool truth : {true, false}) {
            std::vector<int32_t> next = tuple;
            bool some = false;
            for (int32_t& f : next) some |= (f = cubes_.decided(f, var, truth)) != Formulas::kFalse;
            if (!some) continue;
            const int32_t narrower = cubes_.with_literal(cube, var, truth);
            if ((truth || few(narrower)) && !goal(narrower)) continue;
            branch(std::move(next), narrower, rest, found, one_is_enough);
            if (one_is_enough && !found.empty()) return;
        }
    }

    // Whether looking for a value is worth it before all is decided: what many alternatives exclude is looked at once, at the end.
    bool few(int32_t cube) const { return formulas_.at(cube).op != FOp::And || formulas_.at(cube).count <= kFewLiterals; }

    // What a search finds, remembered unless it is "no" only as long as a search further out is not finished.
    template <class Memo, class Key, class F>
    bool searched(Memo& memo, const Key& key, F search) {
        const int32_t outer = lowest_;
        lowest_ = INT32_MAX;
        bool result = false;
        try {
            result = search();
        } catch (...) {
            lowest_ = outer;
            throw;
        }
        formulas_.work().hold(kEntry);
        if (result || lowest_ == INT32_MAX) memo[key] = result;
        lowest_ = result ? outer : std::min(outer, lowest_);
        return result;
    }

    // --- arrays

    // An item's goal without the values that leave nothing for later items, which have to differ from it. Only values that the
    // schema lists can be that precious.
    int32_t without_stuck(int32_t cube, const std::vector<int32_t>& tuple) {
        if (std::none_of(tuple.begin(), tuple.end(), [&](int32_t f) { return demands_different(f); })) return cube;
        for (int32_t v : precious_values()) {
            const int32_t equal = meaning_.var(meaning_.constant(v), 0);
            if (!goal(formulas_.both(cube, equal))) continue;
            if (std::none_of(tuple.begin(), tuple.end(), [&](int32_t f) { return f == Formulas::kTrue || array(progress_.with_value(f, v)); }))
                cube = formulas_.both(cube, formulas_.negate(equal));
        }
        return cube;
    }

    // The values that the schema lists; none if there are many.
    const std::vector<int32_t>& precious_values() {
        static constexpr size_t kMostPrecious = 32;
        const auto& nodes = meaning_.table().nodes;
        for (; precious_from_ < nodes.size(); ++precious_from_)
            for (int32_t v : nodes[precious_from_].values)
                if (!many_precious_ && std::find(precious_.begin(), precious_.end(), v) == precious_.end()) precious_.push_back(v);
        many_precious_ |= precious_.size() > kMostPrecious;
        if (many_precious_) precious_.clear();
        return precious_;
    }

    bool array(int32_t f) {
        f = progress_.with_value(f, Progress::kSomeValue);   // the last item's value, where it is not known yet
        if (progress_.holds_at_end(f)) return true;
        auto known = arrays_.find(f);
        if (known != arrays_.end()) return known->second;
        int64_t budget = steps_;
        return searched(arrays_, f, [&] { return items(f, budget, 0); });
    }

    // A conjunction of items with the counts taken out.
    int32_t without_counts(int32_t f, int64_t& low, int64_t& high) {
        std::vector<int32_t> parts = formulas_.conjuncts(f), others;
        for (int32_t p : parts) {
            const Formula n = formulas_.at(p);
            if (n.op == FOp::MinItems) low = n.a;
            else if (n.op == FOp::MaxItems) high = n.a;
            else others.push_back(p);
        }
        return formulas_.all(std::move(others));
    }

    bool items(int32_t f, int64_t& budget, int depth) {
        if (f == Formulas::kFalse) return false;
        if (progress_.holds_at_end(f)) return true;
        int64_t low = 0, high = -1;
        const int32_t open = without_counts(f, low, high);
        if (high == 0 || (high >= 0 && high < low)) return false;
        formulas_.work().spend(64);
        if (--budget < 0 || depth > kDeepestSearch) return not_proved(f);
        int32_t after = progress_.after_item(open);
        int32_t base = cubes_.take_literals(after);
        return any_outcome(after, base, [&](int32_t goal_, int32_t left) {
            const int32_t next = progress_.with_value(left, Progress::kSomeValue);
            const auto go_on = [&](int32_t rest) {
                return items(formulas_.all({rest, formulas_.min_count(FOp::MinItems, low - 1),
                                            high < 0 ? Formulas::kTrue : formulas_.max_count(FOp::MaxItems, high - 1)}), budget, depth + 1);
            };
            if (demands_different(open)) {
                const bool alike = without_different(next) == without_different(open);
                if (alike && low > 0 && !enough_values(goal_, low)) return false;
                const std::vector<int32_t> values = alike ? std::vector<int32_t>{} : few_values(goal_);
                if (!values.empty())
                    return std::any_of(values.begin(), values.end(), [&](int32_t v) { return go_on(progress_.with_value(left, v)); });
            }
            // An item that changes nothing can be repeated: only the counts are left to be met.
            return next == open ? progress_.holds_at_end(open) : go_on(next);
        });
    }

    bool demands_different(int32_t f) const {
        if (formulas_.at(f).op != FOp::And) return formulas_.at(f).op == FOp::Unique;
        const std::vector<int32_t> parts = formulas_.args(f);
        return std::any_of(parts.begin(), parts.end(), [&](int32_t p) { return formulas_.at(p).op == FOp::Unique; });
    }

    int32_t without_different(int32_t f) {
        return formulas_.rebuild(f, [&](int32_t leaf) { return formulas_.at(leaf).op == FOp::Unique ? Formulas::kTrue : leaf; });
    }

    // The values of a goal that an enumeration among its parts lists, if they are few: none means not known.
    std::vector<int32_t> few_values(int32_t goal_) {
        static constexpr size_t kFewValues = 8;
        const std::vector<int32_t> listed = listed_values(goal_);
        std::vector<int32_t> values;
        if (listed.size() > kFewValues) return values;
        for (int32_t v : listed)
            if (goal(formulas_.both(goal_, meaning_.var(meaning_.constant(v), 0)))) values.push_back(v);
        return values;
    }

    std::vector<int32_t> listed_values(int32_t goal_) {
        for (int32_t p : formulas_.conjuncts(goal_)) {
            const Formula n = formulas_.at(p);
            if (n.op == FOp::Var && n.a >= 0 && meaning_.table().nodes[n.a].has_values) return meaning_.table().nodes[n.a].values;
        }
        return {};
    }

    // Whether `search` finds an outcome of an item or member that will do. It gets the value's goal and what is left, and looks
    // at the rest itself.
    template <class F>
    bool any_outcome(int32_t f, int32_t cube, const F& search) {
        formulas_.work().spend(16);
        if (f == Formulas::kFalse || ((few(cube) || !formulas_.at(f).vars) && !goal(cube))) return false;
        if (!formulas_.at(f).vars) return search(cube, f);
        if (const int32_t anyway = cubes_.without_variables(f); anyway != Formulas::kFalse && search(cube, anyway)) return true;
        const int32_t var = cubes_.first_var(f);
        return any_outcome(cubes_.decided(f, var, true), cubes_.with_literal(cube, var, true), search) ||
               any_outcome(cubes_.decided(f, var, false), cubes_.with_literal(cube, var, false), search);
    }

    // Where alike items have to differ: whether there are `count` different values for a goal, as far as that is easy to see.
    bool enough_values(int32_t goal_, int64_t count) {
        if (const std::vector<int32_t> listed = listed_values(goal_); !listed.empty()) {
            int64_t different = 0;
            for (size_t i = 0; i < listed.size() && different < count; ++i)
                different += goal(formulas_.both(goal_, meaning_.var(meaning_.constant(listed[i]), 0)));
            return different >= count;
        }
        for (Kind kind : {Kind::Array, Kind::Object})
            if (meaning_.expand(goal_, kind) != Formulas::kFalse) return true;
        if (meaning_.alive(meaning_.strings(goal_)) || meaning_.alive(meaning_.numbers(goal_)))
            return meaning_.lexer().expressions().prints() || not_proved(goal_);   // there are many, if all digits and letters can be written
        int64_t literals = 0;
        for (Kind kind : {Kind::Null, Kind::True, Kind::False}) literals += meaning_.expand(goal_, kind) == Formulas::kTrue;
        return literals >= count;
    }

    // --- objects

    struct RestKey {
        int32_t f, plan, seen, rank;
        bool operator==(const RestKey& o) const { return f == o.f && plan == o.plan && seen == o.seen && rank == o.rank; }
    };
    struct RestHash {
        size_t operator()(const RestKey& k) const {
            return mix(mix(static_cast<uint32_t>(k.f), static_cast<uint32_t>(k.plan)), mix(static_cast<uint32_t>(k.seen), static_cast<uint32_t>(k.rank)));
        }
    };

    bool object(int32_t f, const Rest& rest) {
        if (progress_.holds_at_end(f)) return true;
        const RestKey key{f, rest.plan, rest.seen, rest.rank};
        auto known = objects_.find(key);
        if (known != objects_.end()) return known->second;
        return searched(objects_, key, [&] { return new_object(f, rest); });
    }

    bool new_object(int32_t f, const Rest& rest) {
        const Members m = members(f);
        if (m.simple()) return simple_object(m, rest);
        if (const std::vector<int32_t> kinds = alternatives(f); kinds.size() > 1)
            return std::any_of(kinds.begin(), kinds.end(), [&](int32_t kind) { return object(kind, rest); });
        int64_t budget = steps_;
        std::vector<int32_t> useful = useful_places(f, rest);
        return search(f, rest, useful, 0, budget, 0);
    }

    // Required members one by one, then any others up to the least number.
    bool simple_object(const Members& m, const Rest& rest) {
        const Plan& plan = progress_.plan(rest.plan);
        int64_t missing = 0;
        if (m.required != Formulas::kTrue)
            for (int32_t key : formulas_.args(m.required)) {
                const int32_t place = plan.index.at(key);
                if (!available(rest, place) || member_goal(m.forms, plan.declared[place]) == Formulas::kFalse) return false;
                ++missing;
            }
        if (m.high >= 0 && std::max(missing, m.low) > m.high) return false;
        return m.low <= missing || enough(m, rest, m.low - missing);
    }

    // Whether that many members beside the required ones can be written.
    bool enough(const Members& m, const Rest& rest, int64_t count) {
        const Plan& plan = progress_.plan(rest.plan);
        for (int32_t other : plan.others)
            if (member_goal(m.forms, other) != Formulas::kFalse) return meaning_.lexer().expressions().prints() || not_proved(m.forms);
        std::vector<int32_t> required = m.required == Formulas::kTrue ? std::vector<int32_t>{} : formulas_.args(m.required);
        for (size_t place = 0; count > 0 && place < plan.declared.size(); ++place) {
            const int32_t id = plan.declared[place];
            if (!available(rest, static_cast<int32_t>(place))) continue;
            if (std::binary_search(required.begin(), required.end(), progress_.key(id))) continue;
            count -= member_goal(m.forms, id) != Formulas::kFalse;
        }
        return count <= 0;
    }

    // Takes or leaves the useful members in their order, which loses nothing: what a set of members means has no order.
    bool search(int32_t f, const Rest& rest, const std::vector<int32_t>& useful, size_t from, int64_t& budget, int depth) {
        if (f == Formulas::kFalse) return false;
        if (progress_.holds_at_end(f)) return true;
        if (const Members& m = members(f); m.simple()) return simple_object(m, rest);
        if (--budget < 0 || depth > kDeepestSearch) return not_proved(f);
        const Plan& plan = progress_.plan(rest.plan);
        for (size_t i = from; i < useful.size(); ++i) {
            const int32_t place = useful[i];
            if (place >= 0 && !available(rest, place)) continue;
            const int32_t id = place >= 0 ? plan.declared[place] : plan.others[-1 - place];
            int32_t next = progress_.after_key(f, id);
            if (next == Formulas::kFalse || next == f) continue;
            const int32_t base = cubes_.take_literals(next);
            const Rest rest_after = after(rest, place >= 0 ? place : -1);
            if (any_outcome(next, base, [&](int32_t, int32_t left) {
                    left = settle(left, rest_after);
                    return left != f && search(left, rest_after, useful, place >= 0 ? i + 1 : i, budget, depth + 1);
                })) return true;
        }
        return false;
    }

    bool not_proved(int32_t f) {
        unproved_.push_back(f);
        return true;
    }

    Cubes cubes_;
    Alternatives alternatives_{meaning_, progress_};
    int32_t depth_ = 0, lowest_ = INT32_MAX;
    int64_t steps_;   // of one search through members or items
    std::vector<int32_t> unproved_;
    std::unordered_map<int32_t, int32_t> goals_;   // 0: no, 1: yes, else 2 + place among the searches under way
    std::unordered_map<int32_t, bool> arrays_;
    std::unordered_map<int32_t, int32_t> bounded_items_;
    std::vector<int32_t> precious_;
    size_t precious_from_ = 0;
    bool many_precious_ = false;
    std::unordered_map<uint64_t, int32_t> member_goals_;
    std::unordered_map<RestKey, bool, RestHash> objects_;
};

}  // namespace guidedgen
