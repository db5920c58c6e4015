// The alternatives of a container that is one of many: followed side by side, since what a member means for all of them at
// once can be as much as two to the power of their number.
//
// `oneOf` is `anyOf` where no value satisfies two of its schemas. That is plain to see where all of them require a name, and
// list different values for it: the tags that tell kinds of objects apart. A few may describe their tag in another way.
#pragma once

#include <unordered_set>

#include "json_progress.h"
#include "json_tags.h"

namespace guidedgen {

class Alternatives {
  public:
    Alternatives(Meaning& meaning, Progress& progress) : meaning_(meaning), progress_(progress), formulas_(meaning.formulas()), tag_kinds_(meaning) {}

    // Whether a formula is split by what a tag says: then all that it mentions keeps its place in the order of members.
    bool by_tag(int32_t f) const { return tag_kinds_.splits(f); }

    // The kinds that many conditions tell apart, or the largest disjunction of a conjunction multiplied out, if it is large; else the
    // formula itself. `possible` says whether some value may satisfy a goal.
    template <class F>
    std::vector<int32_t> of(int32_t f, const F& possible) {
        std::vector<int32_t> parts = formulas_.conjuncts(f);
        size_t largest = parts.size();
        int32_t most = kFew;
        for (size_t i = 0; i < parts.size(); ++i)
            if (formulas_.at(parts[i]).count > most && is_disjunction(parts[i], possible)) {
                most = formulas_.at(parts[i]).count;
                largest = i;
            }
        // What evaluates a member depends on all alternatives at once, unless the tag decides them; else a tag has to tell more apart.
        const bool unevaluated = std::any_of(parts.begin(), parts.end(), [&](int32_t p) { return formulas_.at(p).op == FOp::UnevaluatedProps; });
        const auto few = static_cast<size_t>(unevaluated || largest == parts.size() ? kFew : 2 * most);
        if (const std::vector<int32_t>& kinds = tag_kinds_.of(f, few); !kinds.empty()) return kinds;
        if (largest == parts.size()) return {f};
        std::vector<int32_t> result;
        for (int32_t option : formulas_.args(parts[largest])) {
            std::vector<int32_t> with = parts;
            with[largest] = option;
            result.push_back(formulas_.all(std::move(with)));
        }
        std::sort(result.begin(), result.end());
        result.erase(std::unique(result.begin(), result.end()), result.end());
        return result;
    }

  private:
    static constexpr int32_t kFew = 4;

    template <class F>
    bool is_disjunction(int32_t f, const F& possible) {
        if (formulas_.at(f).op != FOp::One) return formulas_.at(f).op == FOp::Or;
        auto known = tagged_.find(f);
        if (known == tagged_.end()) known = tagged_.emplace(f, tagged(formulas_.args(f), possible)).first;
        return known->second;
    }

    template <class F>
    bool tagged(const std::vector<int32_t>& options, const F& possible) {
        const std::vector<int32_t> names = required(options[0]);
        return std::any_of(names.begin(), names.end(), [&](int32_t name) { return is_tag(name, options, possible); });
    }

    template <class F>
    bool is_tag(int32_t name, const std::vector<int32_t>& options, const F& possible) {
        std::unordered_set<int32_t> met;
        std::vector<int32_t> goals, unlisted;
        for (int32_t option : options) {
            const std::vector<int32_t> names = required(option);
            if (std::find(names.begin(), names.end(), name) == names.end()) return false;
            goals.push_back(goal(option, name));
            const std::vector<int32_t>* values = listed(goals.back());
            if (!values) unlisted.push_back(goals.back());
            else if (!std::all_of(values->begin(), values->end(), [&](int32_t v) { return met.insert(v).second; })) return false;
        }
        if (unlisted.size() > kFew) return false;
        for (int32_t one : unlisted)
            for (int32_t other : goals)
                if (one != other && possible(formulas_.both(one, other))) return false;
        return std::unordered_set<int32_t>(unlisted.begin(), unlisted.end()).size() == unlisted.size();
    }

    std::vector<int32_t> required(int32_t option) {
        for (int32_t p : formulas_.conjuncts(option))
            if (formulas_.at(p).op == FOp::Required) return formulas_.args(p);
        return {};
    }

    // What an option asks of a property.
    int32_t goal(int32_t option, int32_t name) {
        const Plan& plan = progress_.plan(progress_.plan_of({option}));
        const int32_t id = plan.declared[plan.index.at(name)];
        std::vector<int32_t> literals;
        for (int32_t p : formulas_.conjuncts(option)) {
            if (formulas_.at(p).op != FOp::Props) continue;
            for (int32_t literal : formulas_.conjuncts(progress_.after_key(p, id)))
                if (formulas_.at(literal).op == FOp::Var && !progress_.is_repeats(literal)) literals.push_back(literal);
        }
        return formulas_.all(std::move(literals));
    }

    // The values that a goal lists, or nullptr.
    const std::vector<int32_t>* listed(int32_t goal) {
        for (int32_t literal : formulas_.conjuncts(goal)) {
            const Formula n = formulas_.at(literal);
            if (n.op == FOp::Var && meaning_.table().nodes[n.a].has_values) return &meaning_.table().nodes[n.a].values;
        }
        return nullptr;
    }

    Meaning& meaning_;
    Progress& progress_;
    Formulas& formulas_;
    TagKinds tag_kinds_;
    std::unordered_map<int32_t, bool> tagged_;   // by `oneOf`
};

}  // namespace guidedgen
