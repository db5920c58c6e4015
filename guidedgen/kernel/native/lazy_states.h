// What derivations have in common: numbered states, and moves grouped by where they lead.
#pragma once

#include <unordered_map>
#include <vector>

#include "expressions.h"

namespace guidedgen {

// Numbers for states; `State` has `hash()` and `operator==`.
template <class State>
class States {
  public:
    explicit States(Expressions& holder) : holder_(holder) {}

    const State& operator[](int32_t id) const { return states_[id]; }

    int32_t intern(const State& state) {
        auto found = ids_.find(state);
        if (found != ids_.end()) return found->second;
        const int32_t id = static_cast<int32_t>(states_.size());
        states_.push_back(state);
        ids_.emplace(state, id);
        holder_.hold(2 * sizeof(State) + 64);
        return id;
    }

  private:
    struct Hash {
        size_t operator()(const State& s) const { return static_cast<size_t>(s.hash()); }
    };
    Expressions& holder_;
    std::vector<State> states_;
    std::unordered_map<State, int32_t, Hash> ids_;
};

class Moves {
  public:
    void add(uint8_t byte, int32_t target) {
        if (target == Expressions::kEmpty) return;
        for (auto& part : parts_)
            if (part.second == target) return part.first.add(byte);
        parts_.emplace_back(ByteSet::single(byte), target);
    }

    Partition done() { return std::move(parts_); }

  private:
    Partition parts_;
};

}  // namespace guidedgen
