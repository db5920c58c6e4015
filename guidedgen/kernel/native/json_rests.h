// What is left of an object: which names may still come, and what formulas about its members ask of them.
#pragma once

#include "json_progress.h"
#include "unordered.h"

namespace guidedgen {

// What the formulas of a tuple are about: the items to come, or the members, given the names that came already.
struct Rest {
    bool object = false;
    int32_t plan = -1, seen = 0, rank = 0;   // rank: declared names before it may not come any more
    bool tracked = false;                    // a register keeps the undeclared names, or the items
    bool operator==(const Rest& o) const {
        return object == o.object && plan == o.plan && seen == o.seen && rank == o.rank && tracked == o.tracked;
    }
};

// The parts of a conjunction about members by what they demand.
struct Members {
    int32_t forms = Formulas::kTrue;      // Props and Names
    int32_t required = Formulas::kTrue;
    int64_t low = 0, high = -1;
    int32_t other = Formulas::kTrue;      // anything else
    bool simple() const { return other == Formulas::kTrue; }
};

class Rests {
  public:
    Rests(Meaning& meaning, Progress& progress, bool any_order)
        : meaning_(meaning), progress_(progress), formulas_(meaning.formulas()), any_order_(any_order),
          gaps_(!meaning.lexer().expressions().complete()) {}

    bool any_order() const { return any_order_; }

    const Members& members(int32_t f) {
        auto known = members_.find(f);
        if (known != members_.end()) return known->second;
        Members m;
        std::vector<int32_t> parts = formulas_.conjuncts(f), forms, others;
        for (int32_t p : parts) {
            const Formula n = formulas_.at(p);
            switch (n.op) {
                case FOp::True: break;
                case FOp::Props:
                case FOp::Names: forms.push_back(p); break;
                case FOp::Required: m.required = p; break;
                case FOp::MinProps: m.low = n.a; break;
                case FOp::MaxProps: m.high = n.a; break;
                default: others.push_back(p);
            }
        }
        m.forms = formulas_.all(std::move(forms));
        m.other = formulas_.all(std::move(others));
        formulas_.work().hold(2 * kEntry);
        return members_.emplace(f, m).first->second;
    }

    bool available(const Rest& rest, int32_t place) const {
        if (gaps_ && !progress_.written(progress_.plan(rest.plan).declared[static_cast<size_t>(place)])) return false;
        if (!any_order_ && static_cast<size_t>(place) < progress_.plan(rest.plan).ordered) return place >= rest.rank;
        const Seen& seen = seen_sets_.at(rest.seen);
        const size_t word = static_cast<size_t>(place) >> 6;
        return !(word < seen.size() && ((seen[word] >> (place & 63)) & 1));
    }

    // The rest once a declared name (its place in the plan), or an undeclared one (-1), has come.
    Rest after(Rest rest, int32_t place) {
        const auto ordered = static_cast<int32_t>(progress_.plan(rest.plan).ordered);
        if (place >= 0 && (any_order_ || place >= ordered)) rest.seen = seen_sets_.with(rest.seen, place);
        if (!any_order_) rest.rank = place >= 0 && place < ordered ? place + 1 : ordered;
        return rest;
    }

    // With atoms decided that no member to come can change: properties that all came already hold, a required one that may not
    // come any more fails. Without this "exactly one" stays open until the end.
    int32_t settle(int32_t f, const Rest& rest) {
        if (!rest.object || f <= Formulas::kTrue || members(f).simple()) return f;
        const Plan& plan = progress_.plan(rest.plan);
        auto may_come = [&](int32_t key) {
            auto place = plan.index.find(key);
            return place != plan.index.end() && available(rest, place->second);
        };
        return formulas_.rebuild(f, [&](int32_t leaf) {
            const Formula n = formulas_.at(leaf);
            if (n.op == FOp::Required) {
                for (int32_t key : formulas_.args(leaf))
                    if (!may_come(key)) return Formulas::kFalse;
            } else if (n.op == FOp::Props) {
                const ObjectKeywords& o = *meaning_.table().nodes[n.a].object;
                auto open = [&](const auto& p) { return may_come(p.first); };
                if (o.patterns.empty() && o.additional < 0 && std::none_of(o.properties.begin(), o.properties.end(), open)) return Formulas::kTrue;
            }
            return leaf;
        });
    }

    // Places whose members can help a formula to become true; -1 - i: the undeclared class i. Members that nothing asks for
    // never help: they can only break what holds for all members.
    std::vector<int32_t> useful_places(int32_t f, const Rest& rest) {
        const Plan& plan = progress_.plan(rest.plan);
        std::vector<uint8_t> declared(plan.declared.size(), 0);
        bool others = false;
        std::vector<std::pair<int32_t, bool>> work{{f, true}};
        std::map<std::pair<int32_t, bool>, char> met;
        auto all_names = [&] {
            std::fill(declared.begin(), declared.end(), 1);
            others = true;
        };
        while (!work.empty()) {
            auto [now, positive] = work.back();
            work.pop_back();
            if (now <= Formulas::kTrue || !met.emplace(std::make_pair(now, positive), 0).second) continue;
            formulas_.work().spend(16);
            const Formula n = formulas_.at(now);
            switch (n.op) {
                case FOp::And:
                case FOp::Or:
                    for (int32_t p : formulas_.args(now)) work.emplace_back(p, positive);
                    break;
                case FOp::One:
                    for (int32_t p : formulas_.args(now)) {
                        work.emplace_back(p, true);
                        work.emplace_back(p, false);
                    }
                    break;
                case FOp::Not: work.emplace_back(formulas_.arg(n, 0), !positive); break;
                case FOp::Required:
                    if (positive)
                        for (int32_t k : formulas_.args(now)) declared[plan.index.at(k)] = 1;
                    break;
                case FOp::MinProps:
                    if (positive) all_names();
                    break;
                case FOp::Props:
                    if (positive) break;
                    others = true;
                    for (const auto& p : meaning_.table().nodes[n.a].object->properties) declared[plan.index.at(p.first)] = 1;
                    if (meaning_.table().nodes[n.a].object->additional >= 0 || !meaning_.table().nodes[n.a].object->patterns.empty()) all_names();
                    break;
                default:
                    if (!positive) all_names();
                    if (n.op == FOp::UnevaluatedProps)
                        for (int32_t p : formulas_.args(now)) work.emplace_back(p, positive);
            }
        }
        return places_of(declared, others ? plan.others.size() : 0);
    }

  protected:
    static constexpr int64_t kEntry = 64;           // bytes that a memoised answer takes

    static std::vector<int32_t> places_of(const std::vector<uint8_t>& declared, size_t others) {
        std::vector<int32_t> places;
        for (size_t i = 0; i < declared.size(); ++i)
            if (declared[i]) places.push_back(static_cast<int32_t>(i));
        for (size_t i = 0; i < others; ++i) places.push_back(-1 - static_cast<int32_t>(i));
        return places;
    }

    Meaning& meaning_;
    Progress& progress_;
    Formulas& formulas_;
    const bool any_order_, gaps_;   // gaps: some names cannot be written
    SeenSets seen_sets_;
    std::unordered_map<int32_t, Members> members_;
};

}  // namespace guidedgen
