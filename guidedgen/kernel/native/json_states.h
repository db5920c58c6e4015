// The states of the JSON machine, the frames of its open containers and the stacks of them: hash-consed, and what is known of each.
//
// None of them knows an offset, so equal situations are one state wherever in a text they arise. What comes next in a state
// is worked out by json_machine.h.
#pragma once

#include <map>
#include <unordered_map>
#include <vector>

#include "json_rests.h"
#include "stable.h"

namespace guidedgen {

class JsonStates {
  public:
    enum class Phase : uint8_t { Value, FirstMember, NextMember, FirstItem, NextItem, Tail };
    enum class Step : uint8_t { Scalar, OpenObject, OpenArray, Key, OtherKey, Comma, Close, Space };

    // What a lexeme means for the registers (registers.h).
    enum Flag : uint8_t { kOpens = 1, kOpensArray = 2, kName = 4, kCloses = 8, kEndsItem = 16, kNextItem = 32 };

    struct Edge {
        LexState* start;
        Step step;
        int32_t a;            // Scalar, Close: the outcome; keys: place in the plan; what opens: its frame
        uint8_t flags = 0;
        int32_t target = -1;  // the state after it; made on demand
    };

    struct State {
        Phase phase;
        int32_t goals = -1;   // Value: the outcomes of the value
        int32_t frame = -1;   // the container that is being read
        int32_t stack = 0;    // what the value, or the container, stands in
        int level = 0;        // of nesting, as far as layouts tell levels apart
        int32_t prefix = Expressions::kEpsilon;   // Value: whitespace that its lexemes begin with
        bool operator==(const State& o) const {
            return phase == o.phase && goals == o.goals && frame == o.frame && stack == o.stack && level == o.level && prefix == o.prefix;
        }
    };

    int64_t count() const { return static_cast<int64_t>(states_.size()); }

  protected:
    JsonStates() { stacks_.emplace_back(); }

    struct Known {
        State state;
        bool ready = false;
        std::vector<Edge> edges;
        int64_t cost = -1;
        int8_t any_string = -1;   // memo of takes_any_string
    };
    struct Frame {
        std::vector<int32_t> tuple;
        Rest rest;
    };
    // A container that a value stands in: what it is after the value, by the value's outcome.
    struct Stack {
        int32_t parent = -1;
        int level = 0;
        std::vector<int32_t> frames;
    };

    int64_t states_memory() const {
        const size_t frames = frames_.size() * (sizeof(Frame) + 96), stacks = stacks_.size() * 96;
        return bytes_ + static_cast<int64_t>(states_.size() * (sizeof(Known) + 64) + frames + stacks);
    }

    int32_t list(std::vector<int32_t> goals) {
        auto found = list_ids_.emplace(goals, static_cast<int32_t>(lists_.size()));
        if (found.second) lists_.push_back(std::move(goals));
        return found.first->second;
    }

    int32_t intern(Frame f) {
        const uint64_t left = mix(static_cast<uint32_t>(f.rest.seen), static_cast<uint32_t>(f.rest.rank));
        uint64_t h = mix(mix(f.rest.object, static_cast<uint32_t>(f.rest.plan)), left);
        for (int32_t g : f.tuple) h = mix(h, static_cast<uint32_t>(g));
        const int32_t known = frame_ids_.find(h, [&](int32_t id) { return frames_[id].tuple == f.tuple && frames_[id].rest == f.rest; });
        if (known >= 0) return known;
        frame_ids_.insert(h, static_cast<int32_t>(frames_.size()));
        frames_.push_back(std::move(f));
        return static_cast<int32_t>(frames_.size()) - 1;
    }

    int32_t push(Stack s) {
        uint64_t h = mix(static_cast<uint32_t>(s.parent), static_cast<uint64_t>(s.level));
        for (int32_t f : s.frames) h = mix(h, static_cast<uint32_t>(f));
        const int32_t known = stack_ids_.find(h, [&](int32_t id) {
            return stacks_[id].parent == s.parent && stacks_[id].level == s.level && stacks_[id].frames == s.frames;
        });
        if (known >= 0) return known;
        stack_ids_.insert(h, static_cast<int32_t>(stacks_.size()));
        stacks_.push_back(std::move(s));
        return static_cast<int32_t>(stacks_.size()) - 1;
    }

    int32_t intern(const State& s) {
        const uint64_t around = mix(static_cast<uint32_t>(s.frame), static_cast<uint32_t>(s.stack));
        uint64_t h = mix(mix(static_cast<uint64_t>(s.phase), static_cast<uint32_t>(s.goals)), around);
        h = mix(h, mix(static_cast<uint64_t>(s.level), static_cast<uint32_t>(s.prefix)));
        const int32_t known = state_ids_.find(h, [&](int32_t id) { return states_[id].state == s; });
        if (known >= 0) return known;
        state_ids_.insert(h, static_cast<int32_t>(states_.size()));
        states_.push_back({s, false, {}, -1, -1});
        return static_cast<int32_t>(states_.size()) - 1;
    }

    Stable<Known> states_;
    Stable<Frame> frames_;
    Stable<Stack> stacks_;   // the first: around the whole text
    std::vector<std::vector<int32_t>> lists_;   // of goals
    int64_t bytes_ = 0;   // of edges

  private:
    std::map<std::vector<int32_t>, int32_t> list_ids_;
    IdTable frame_ids_, stack_ids_, state_ids_;
};

}  // namespace guidedgen
