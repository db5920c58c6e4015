// The frames of a schema's containers: which ones a value may open, and which ones follow a member or an item.
//
// A frame is a tuple of formulas, of which one has to hold at the end of the container, and what the order of keys leaves. A
// member or item branches: its value has one of several disjoint goals, each with the frame that it leads to.
#pragma once

#include "json_sat.h"
#include "json_states.h"

namespace guidedgen {

class JsonBranches : public JsonStates {
  public:
    JsonBranches(std::shared_ptr<SchemaTable> table, const std::shared_ptr<Lexer>& lexer, std::shared_ptr<JsonLanguages> languages,
                 const JsonOptions& options)
        : meaning_(std::move(table), lexer, std::move(languages), options), progress_(meaning_),
          sat_(meaning_, progress_, options.any_order, options.proof_steps) {}

    // Whether any string but those that came may be the next item of an array whose items differ, or any of the later ones,
    // and the array may end before and after each: then no string that begins with more than is known rules anything out.
    bool takes_any_string(int32_t id) {
        if (states_[id].any_string < 0) {
            Frame f = frames_[states_[id].state.frame];
            for (int32_t& g : f.tuple) g = progress_.without_values(g);
            const int32_t first = after_any_string(intern(std::move(f)));
            states_[id].any_string = first >= 0 && after_any_string(first) == first;
        }
        return states_[id].any_string == 1;
    }

  protected:
    struct Branching {
        int32_t goals = -1;             // -1: it may not come
        std::vector<int32_t> frames;
    };

    // The containers that a value of a kind may be: one, unless it is one of many alternatives.
    std::vector<int32_t> frames(const std::vector<int32_t>& goals, Kind kind) {
        Frame f;
        bool some = false;
        for (int32_t g : goals) {
            f.tuple.push_back(kind == Kind::Array ? sat_.items_of(g) : meaning_.expand(g, kind));
            some |= f.tuple.back() != Formulas::kFalse;
        }
        if (!some) return {};
        f.rest.object = kind == Kind::Object;
        std::vector<Frame> alternatives;
        if (f.tuple.size() == 1)
            for (int32_t g : sat_.alternatives(f.tuple[0])) alternatives.push_back({{g}, f.rest});
        else alternatives.push_back(f);
        std::vector<Frame> open;
        bool tracked = false;
        const bool whole_order = !sat_.any_order() && f.tuple.size() == 1 && sat_.by_tag(f.tuple[0]);
        for (Frame& a : alternatives) {
            if (a.rest.object) a.rest.plan = progress_.plan_of(whole_order ? f.tuple : a.tuple);
            if (!sat_.possible(a.tuple, a.rest)) continue;
            tracked |= a.rest.object ? takes_others(a) : has_unique(a);
            open.push_back(std::move(a));
        }
        std::vector<int32_t> ids;
        for (Frame& a : open) {
            a.rest.tracked = tracked;
            ids.push_back(intern(std::move(a)));
        }
        return ids;
    }

    // Whether a member may come whose key is of a class, at a place of the plan (-1: undeclared). Spares working out what it opens.
    bool may_open(int32_t frame_id, const Frame& f, int32_t key_class, int32_t place) {
        if (f.tuple.size() == 1) {
            const Members& m = sat_.members(f.tuple[0]);
            if (m.simple()) return sat_.member_goal(m.forms, key_class) != Formulas::kFalse && sat_.may_take(m, f.rest, place);
        }
        const uint64_t key = branching_key(frame_id, key_class);
        auto known = branchings_.find(key);
        if (known != branchings_.end()) return known->second.goals >= 0;
        auto found = opens_.find(key);
        if (found != opens_.end()) return found->second;
        std::vector<int32_t> tuple = after_key(f, key_class);
        const bool made = sat_.some_outcome(std::move(tuple), sat_.after(f.rest, place));
        opens_.emplace(key, made);
        return made;
    }

    // What such a member opens.
    const Branching& branching(int32_t frame_id, const Frame& f, int32_t key_class, int32_t place) {
        return remembered(frame_id, key_class, [&] {
            std::vector<int32_t> tuple = after_key(f, key_class);
            return branch(std::move(tuple), sat_.after(f.rest, place));
        });
    }

    const Branching& next_item(int32_t frame_id, const Frame& f) {
        return remembered(frame_id, kItem, [&] {
            std::vector<int32_t> tuple;
            for (int32_t g : f.tuple) tuple.push_back(progress_.after_item(g));
            return branch(std::move(tuple), f.rest);
        });
    }

    Meaning meaning_;
    Progress progress_;
    Satisfiability sat_;

  private:
    static constexpr int32_t kItem = -1;   // stands for the class of a key

    // Whether an undeclared member may come in an object.
    bool takes_others(const Frame& f) {
        for (int32_t id : progress_.plan(f.rest.plan).others)
            for (int32_t g : f.tuple)
                if (progress_.after_key(g, id) != Formulas::kFalse) {
                    const Members& m = sat_.members(g);
                    if (!m.simple() || (m.high != 0 && sat_.member_goal(m.forms, id) != Formulas::kFalse)) return true;
                }
        return false;
    }

    bool has_unique(const Frame& f) const {
        bool found = false;
        for (int32_t g : f.tuple)
            meaning_.formulas().each_leaf(g, [&](int32_t leaf) { found |= meaning_.formulas().at(leaf).op == FOp::Unique; });
        return found;
    }

    // The array after an item that any string may be, if it may end before; -1 where it is not so.
    int32_t after_any_string(int32_t frame) {
        const Frame f = frames_[frame];
        if (std::none_of(f.tuple.begin(), f.tuple.end(), [this](int32_t g) { return progress_.holds_at_end(g); })) return -1;
        const Branching b = next_item(frame, f);
        if (b.goals < 0) return -1;
        const std::vector<int32_t> goals = lists_[b.goals];
        for (size_t i = 0; i < goals.size(); ++i)
            if (meaning_.strings(goals[i]) == meaning_.texts().any()) return b.frames[i];
        return -1;
    }

    std::vector<int32_t> after_key(const Frame& f, int32_t key_class) {
        std::vector<int32_t> tuple;
        for (int32_t g : f.tuple) tuple.push_back(progress_.after_key(g, key_class));
        return tuple;
    }

    static uint64_t branching_key(int32_t frame_id, int32_t key_class) {
        return (static_cast<uint64_t>(static_cast<uint32_t>(frame_id)) << 32) | static_cast<uint32_t>(key_class + 1);
    }

    template <class F>
    const Branching& remembered(int32_t frame_id, int32_t key_class, F make) {
        const uint64_t key = branching_key(frame_id, key_class);
        auto known = branchings_.find(key);
        if (known != branchings_.end()) return known->second;
        Branching made = make();
        return branchings_.emplace(key, std::move(made)).first->second;
    }

    Branching branch(std::vector<int32_t> tuple, const Rest& rest) {
        Branching b;
        std::vector<int32_t> goals;
        for (Outcome& o : sat_.outcomes(std::move(tuple), rest)) {
            goals.push_back(o.goal);
            b.frames.push_back(intern(Frame{std::move(o.tuple), rest}));
        }
        if (!goals.empty()) b.goals = list(std::move(goals));
        return b;
    }

    std::unordered_map<uint64_t, Branching> branchings_;
    std::unordered_map<uint64_t, bool> opens_;   // memo of may_open, where no branching was needed
};

}  // namespace guidedgen
