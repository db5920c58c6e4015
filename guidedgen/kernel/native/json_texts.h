// The JSON machines of one grammar behind the surface of one: a state's number says whose state it is.
//
// A grammar that is nothing but the JSON texts of a schema has one machine, and its states are the machine's own. Where texts
// of several schemas may be read side by side, all containers are known to registers, so that these stand at one depth.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "json_machine.h"

namespace guidedgen {

class JsonTexts {
  public:
    using Edge = JsonMachine::Edge;

    void add(std::unique_ptr<JsonMachine> machine) { machines_.push_back(std::move(machine)); }
    bool empty() const { return machines_.empty(); }
    int32_t size() const { return static_cast<int32_t>(machines_.size()); }

    JsonMachine& machine(int32_t state) const { return *machines_[static_cast<size_t>(state % size())]; }
    int32_t local(int32_t state) const { return state / size(); }

    int32_t start(int32_t text) { return global(text, machines_[static_cast<size_t>(text)]->start()); }
    std::vector<Edge>& expect(int32_t state) { return machine(state).expect(local(state)); }
    bool complete(int32_t state) const { return machine(state).complete(local(state)); }
    int32_t follow(int32_t state, int32_t edge) { return global(state % size(), machine(state).follow(local(state), edge)); }
    int32_t follow_item(int32_t state, int32_t edge, const std::string& item) {
        return global(state % size(), machine(state).follow_item(local(state), edge, item));
    }
    bool takes_any_string(int32_t state) { return machine(state).takes_any_string(local(state)); }
    int64_t cost(int32_t state) { return machine(state).cost(local(state)); }
    // Whatever begins with one of these names, of the texts of a member's name lexeme.
    int32_t named(const Names* names) { return machines_[0]->named(names); }

    // Whether a schema can demand several undeclared names in one object, or several different items of one kind.
    bool demands_different() {
        if (demands_ < 0) {
            demands_ = 0;
            for (const auto& m : machines_) demands_ |= demands_different(m->table());
        }
        return demands_ == 1;
    }

    int64_t memory() const {
        return total([](JsonMachine& m) { return m.memory(); });
    }
    int64_t count() const {
        return total([](JsonMachine& m) { return m.count(); });
    }
    int64_t unproved() const {
        return total([](JsonMachine& m) { return m.unproved(); });
    }
    const std::vector<std::unique_ptr<JsonMachine>>& machines() const { return machines_; }

  private:
    int32_t global(int32_t text, int32_t state) const {
        const int64_t made = int64_t{state} * size() + text;
        if (made >= INT32_MAX) throw LimitError("states", INT32_MAX, "states of the JSON texts of a grammar");
        return static_cast<int32_t>(made);
    }

    template <class F>
    int64_t total(F of) const {
        int64_t sum = 0;
        for (const auto& m : machines_) sum += of(*m);
        return sum;
    }

    static bool demands_different(const SchemaTable& table) {
        bool many = false, unique = false;
        for (const SchemaNode& n : table.nodes) {
            if (n.object && (n.object->min_properties > 1 || n.object->max_properties > 0)) return true;
            many |= n.array && (n.array->min_items > 1 || n.array->min_contains > 1);
            unique |= n.array && n.array->unique;
        }
        return many && unique;
    }

    std::vector<std::unique_ptr<JsonMachine>> machines_;
    int demands_ = -1;   // memo of `demands_different`
};

}  // namespace guidedgen
